"""From the call of a task to its result, through a real process."""

import json
import select
from dataclasses import replace
from pathlib import Path

import pytest

from rose_mpi.errors import TaskError
from rose_mpi.execution.executable import spawn_of
from rose_mpi.execution.gpus import Gpus
from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.launcher import SESSIONS, Place, sessions_of
from rose_mpi.execution.result import result_of
from rose_mpi.tasks import Expects, FileArray, Task, TaskStatus
from tests.unit.execution.support import call_of

SCRIPT = """
import json, os, sys
name, stage = os.environ["ROSE_RESULT"], sys.argv[1]
told = {name: os.environ[name] for name in ("ROSE_TASK", "ROSE_ATTEMPT", "OMP_NUM_THREADS")}
if stage == "json":
    with open(name + ".json", "w") as file:
        json.dump({**told, "cwd": os.getcwd(), "argv": sys.argv[2:]}, file)
elif stage == "array":
    import numpy
    numpy.save(name, numpy.ones((3, 2)))
print("last line")
"""


@pytest.fixture
def run(context, run_name):
    context = replace(context, run=run_name)
    Path(context.root, "task.py").write_text(SCRIPT)
    helper = Helper(run_name, frozenset())

    def run(task, expects=Expects.ANYTHING, attempt=0):
        call = call_of(task, expects)
        helper.start(spawn_of(call, attempt, context))
        ended = []
        while not ended:
            select.select([helper], [], [], 30)
            ended = helper.poll()
        return result_of(call, attempt, ended[0], 0.0, context)

    yield run
    helper.close()


def test_a_script_leaves_json(run, context):
    result = run(Task("{python} task.py json '{config_dir}'", ("--n", "5")), attempt=1)
    assert result.value == {
        "ROSE_TASK": "digits.3.training.2.mlp",
        "ROSE_ATTEMPT": "1",
        "OMP_NUM_THREADS": "1",
        "cwd": str(context.layout.workdir("digits")),
        "argv": [context.root, "--n", "5"],
    }


def test_a_script_leaves_an_array(run, context):
    result = run(Task("{python} task.py array"), Expects.PREDICTION)
    assert isinstance(result.value, FileArray), result.error
    assert Path(result.value.path).stat().st_size > 0


def test_what_an_interrupted_attempt_left_does_not_count(run, context):
    stale = Path(context.layout.task(call_of(Task("x")).id, 0).result)
    stale.parent.mkdir(parents=True)
    Path(f"{stale}.json").write_text(json.dumps("stale"))
    assert run(Task("{python} task.py none")).value == "last line"


def test_a_failure_names_its_log(run):
    result = run(Task("{python} -c 'import nothing_here'"))
    assert result.status is TaskStatus.FAILED
    assert "ModuleNotFoundError" in result.error
    log = result.error.splitlines()[-1].removeprefix("log: ")
    assert "ModuleNotFoundError" in Path(log).read_text()


def test_a_timeout_is_told(run):
    result = run(Task("sleep 600", timeout=0.2))
    assert (result.status, result.error) == (TaskStatus.TIMEOUT, "ended after its timeout of 0.2 s")


def test_tokens_differ_between_attempts(context):
    call = call_of(Task("true"))
    assert spawn_of(call, 0, context).token != spawn_of(call, 1, context).token


def test_a_missing_program_is_told_before_anything_starts(context):
    with pytest.raises(TaskError, match="no-such-program"):
        spawn_of(call_of(Task("no-such-program")), 0, context)


def test_a_folder_that_cannot_be_made_is_told(context):
    context.layout.results.parent.mkdir(parents=True)
    context.layout.arrays.write_text("a file")
    with pytest.raises(TaskError, match="folder of its result"):
        spawn_of(call_of(Task("true")), 0, context)


def test_a_task_is_told_its_gpus_and_refused_without(context):
    context = replace(context, gpus=Gpus(("3", "4"), "CUDA_VISIBLE_DEVICES"))
    spawn = spawn_of(call_of(Task("/bin/true", gpus_per_rank=1)), 0, context, gpus=("4",))
    assert spawn.environment["CUDA_VISIBLE_DEVICES"] == "4"
    assert "CUDA_VISIBLE_DEVICES" not in spawn_of(call_of(Task("/bin/true")), 0, context).environment
    with pytest.raises(
        TaskError, match=r"digits\.3\.training\.2\.mlp needs gpus_per_rank = 3, but the rank has 2"
    ):
        spawn_of(call_of(Task("/bin/true", gpus_per_rank=3)), 0, context)
    with pytest.raises(TaskError, match="needs cores_per_rank = 2, but the rank has 1"):
        spawn_of(call_of(Task("/bin/true", cores_per_rank=2)), 0, context)


def test_launchers_of_a_rank_have_a_folder_of_their_own(context):
    context = replace(context, launcher="/usr/bin/env {command}")
    place = Place(context.host, context.cpus)
    sessions = spawn_of(call_of(Task("/bin/true", ranks=2)), 0, context, (place, place)).environment[SESSIONS]
    assert sessions == str(sessions_of(context.run, context.rank))
    assert sessions != str(sessions_of(context.run, context.rank + 1))
    own = Task("/bin/true", ranks=2, environment={SESSIONS: "/scratch"})
    assert spawn_of(call_of(own), 0, context, (place, place)).environment[SESSIONS] == "/scratch"
    assert SESSIONS not in spawn_of(call_of(Task("/bin/true")), 0, context).environment
