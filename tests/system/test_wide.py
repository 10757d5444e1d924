"""Tasks of several ranks, from the command line to the results file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rose_mpi.events import StopReason
from rose_mpi.exit_codes import ExitCode
from rose_mpi.store.reader import read_results
from tests.system.launching import run_python, run_rose_mpi

FUNCTIONS = """
import pathlib
import time

def stuck(comm):
    if comm.rank:
        raise KeyError("no such thing")
    comm.Barrier()

def short():
    time.sleep(0.05)

def stuck_once(comm):
    mark = pathlib.Path("tried")
    fails = comm.rank == 1 and not mark.exists()
    comm.Barrier()
    mark.touch()
    if fails:
        raise KeyError("no such thing")
    comm.Barrier()
"""
STUCK = """
[tasks.training]
command = "/bin/true"
[tasks.simulation]
function = "functions:stuck"
ranks = 2
retries = 3
[run]
max_iterations = 100000
[[learners]]
name = "stuck"
"""
OTHER = """
[[learners]]
name = "other"
simulation.function = "functions:short"
simulation.ranks = 1
"""
PROGRAM = """
from rose_mpi.engine import Engine
from rose_mpi.errors import TaskError
from rose_mpi.learner import Learner

with Engine(seed=1) as engine:
    learner = Learner(engine)

    @learner.simulation_task(as_executable=False, ranks=2)
    def simulation(samples, comm):
        return {"sum": comm.allreduce(sum(range(comm.rank, samples, comm.size))), "ranks": comm.size}

    @learner.simulation_task(as_executable=False, ranks=3)
    def too_wide(comm):
        return comm.size

    print(simulation(100).result())
    try:
        too_wide().result()
    except TaskError as error:
        print(error)
"""
SIDE_BY_SIDE = """
import json, pathlib, time
from rose_mpi.engine import Engine
from rose_mpi.learner import Learner

with Engine(ranks_per_learner=5) as engine:
    learner = Learner(engine)

    def meeting(ranks):
        @learner.simulation_task(as_executable=False, ranks=ranks)
        def meet(comm):
            from mpi4py import MPI
            pathlib.Path(f"began-{comm.size}").touch()
            until = time.monotonic() + 20
            while not (met := len(list(pathlib.Path().glob("began-*"))) == 2) and time.monotonic() < until:
                time.sleep(0.02)
            return comm.allgather([MPI.COMM_WORLD.rank, met])
        return meet()

    pair, three = meeting(2), meeting(3)
    print(json.dumps([pair.result(), three.result()]))
"""
HEAT = """
[tasks.simulation]
command = "{config_dir}/heat --n 100 --steps 500 --diffusivity 0.5"
ranks = 2
count = 2
[tasks.training]
command = "/bin/true"
[run]
max_iterations = 2
[[learners]]
name = "a"
[[learners]]
name = "b"
"""


@pytest.fixture
def heat(tmp_path):
    """The example in C, built with the MPI of this environment."""
    beside = Path(sys.executable).with_name("mpicc")
    compiler = str(beside) if beside.exists() else shutil.which("mpicc")
    if compiler is None or not shutil.which("cc"):
        pytest.skip("there is no C compiler, or no mpicc")
    source = Path(__file__).parents[2] / "examples" / "heat" / "heat.c"
    subprocess.run([compiler, "-O2", source, "-o", tmp_path / "heat", "-lm"], check=True, timeout=60)


def test_a_program_in_c_runs_as_two_processes(heat, tmp_path):
    """Of the plate's first mode the answer is known; see ``CMakeLists.txt``."""
    (tmp_path / "config.toml").write_text(HEAT)
    outcome = run_rose_mpi(5, "config.toml", cwd=tmp_path, timeout=120)
    assert outcome.code == 0, outcome
    record = read_results(tmp_path / "results.h5")
    simulations = [task for task in record.tasks if task.stage == "simulation"]
    assert len(simulations) == 8
    assert {task.status for task in record.tasks} == {"done"}
    for learner in record.learners.values():
        for state in learner.iterations:
            assert state.state["mean_temperature"] == pytest.approx(0.3752439570, abs=1e-9)
            assert state.state["residual"] == pytest.approx(8.871726460e-05, rel=1e-8)


def test_the_user_s_own_launcher_starts_commands(tmp_path):
    (tmp_path / "config.toml").write_text(HEAT.replace("{config_dir}/heat", "/bin/echo"))
    launcher = 'engine.launcher="/bin/echo started {ranks} on {hosts}: {command}"'
    sets = (launcher, "engine.ranks_per_learner=2", "run.max_iterations=1")
    words = [word for value in sets for word in ("--set", value)]
    outcome = run_rose_mpi(3, *words, "config.toml", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    logs = list(tmp_path.rglob("*simulation*"))
    assert any("started 2 on" in path.read_text() for path in logs if path.is_file()), logs


def test_more_ranks_than_the_job_has_are_told_at_the_start(tmp_path):
    (tmp_path / "config.toml").write_text(HEAT.replace("{config_dir}/heat", "/bin/echo"))
    outcome = run_rose_mpi(2, "config.toml", cwd=tmp_path, timeout=60)
    assert outcome.code == ExitCode.USAGE, outcome
    assert (
        "a.simulation needs ranks = 2, but this job has 1 for tasks: start it with mpirun -n 3"
        in outcome.errors
    )
    assert not (tmp_path / "results.h5").exists()


def test_ranks_that_wait_for_one_that_failed_end_the_job_with_all_results(tmp_path):
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "config.toml").write_text(STUCK)
    begun = time.monotonic()
    outcome = run_rose_mpi(3, "config.toml", cwd=tmp_path, timeout=60)
    assert 5 < time.monotonic() - begun < 30, outcome
    assert outcome.code == ExitCode.LEARNER_FAILED, outcome
    assert "task stuck.0.simulation.0 does not end" in outcome.errors, outcome
    record = read_results(tmp_path / "results.h5")
    assert record.status == "failed"
    (task,) = record.tasks
    assert task.status == "failed"
    error = record.learners["stuck"].error
    assert "(on rank 2, " in error
    assert "functions.py" in error
    assert "KeyError: 'no such thing'" in error
    assert "1 did not come back within 5 s" in error


def test_other_learners_are_stopped_then(tmp_path):
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "config.toml").write_text(f"[engine]\nranks_per_learner = 2\n{STUCK}{OTHER}")
    outcome = run_rose_mpi(4, "config.toml", cwd=tmp_path, timeout=60)
    assert "task stuck.0.simulation.0 does not end" in outcome.errors, outcome
    record = read_results(tmp_path / "results.h5")
    assert record.learners["stuck"].stop_reason is StopReason.ERROR
    assert record.learners["other"].stop_reason is StopReason.STOPPED
    assert len(record.learners["other"].iterations) > 10


def test_a_run_goes_on_after_such_an_end(tmp_path):
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "config.toml").write_text(
        STUCK.replace("functions:stuck", "functions:stuck_once").replace("100000", "2")
    )
    outcome = run_rose_mpi(3, "config.toml", cwd=tmp_path, timeout=60)
    assert outcome.code == ExitCode.LEARNER_FAILED, outcome
    outcome = run_rose_mpi(3, "--resume", "config.toml", cwd=tmp_path, timeout=60)
    assert outcome.code == ExitCode.DONE, outcome
    assert len(read_results(tmp_path / "results.h5").learners["stuck"].iterations) == 2


def test_two_and_three_ranks_of_five_work_side_by_side(tmp_path):
    (tmp_path / "program.py").write_text(SIDE_BY_SIDE)
    outcome = run_python(6, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    two, three = json.loads(outcome.output)
    assert sorted(two + three) == [[rank, True] for rank in (1, 2, 3, 4, 5)]
    assert len(two) == 2


def test_a_program_calls_a_function_on_two_ranks(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    outcome = run_python(3, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    first, second = outcome.output.splitlines()
    assert first == "{'sum': 4950, 'ranks': 2}"
    assert "needs ranks = 3, but its learner's group has 2 ranks: start the job with mpirun -n 4" in second
