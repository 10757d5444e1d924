"""Learners of config.toml that collect experience, on real ranks."""

import pytest

from rose_mpi.config.load import load_config
from rose_mpi.events import StopReason
from rose_mpi.tasks import TaskStatus
from tests.mpi.campaigns import COMM, HERE, run_campaign
from tests.mpi.experience_task import STEPS

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

SCRIPT = f"{HERE}/experience_task.py"
COUNT = 5
BY_SCRIPTS = f"""
[tasks.environment]
command = "{{python}} {SCRIPT} play"
count = {COUNT}
[tasks.update]
command = "{{python}} {SCRIPT} update"
"""
BY_FUNCTIONS = f"""
[tasks.environment]
function = "experience_task:play"
count = {COUNT}
[tasks.update]
function = "experience_task:update"
"""


def learners(tmp_path, text):
    """The learners of a configuration beside the functions, the same on all ranks."""
    specs = None
    if COMM.rank == 0:
        config = tmp_path / "config.toml"
        config.write_text(f"[run]\nmax_iterations = 2\n{text}")
        (tmp_path / "experience_task.py").write_text((HERE / "experience_task.py").read_text())
        specs = load_config(config).learners
    return COMM.bcast(specs)


def expected(iterations, environments=range(COUNT)):
    """Whose experiences are in the merged bank, in its order."""
    return [
        [index, iteration, step]
        for iteration in range(iterations)
        for index in environments
        for step in range(STEPS)
    ]


@pytest.mark.parametrize("tasks", [BY_SCRIPTS, BY_FUNCTIONS], ids=["scripts", "functions"])
def test_what_parallel_environments_experience_is_merged_before_each_update(tmp_path, tasks):
    text = tasks + '[[learners]]\nname = "agent"\nkind = "experience"\n'
    outcome = run_campaign(tmp_path, learners(tmp_path, text))
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)
    first, second = outcome.states("agent")
    assert first.state["whose"] == expected(1)
    assert second.state["whose"] == expected(2)
    assert [state.state["banks"] for state in (first, second)] == [COUNT, COUNT]
    assert [state.state["experiences"] for state in (first, second)] == [COUNT * STEPS, 2 * COUNT * STEPS]
    assert first.state["reward"] == sum(range(COUNT)) / COUNT
    folder = outcome.layout.workdir("agent")
    assert [path.name for path in folder.glob("experience_bank*")] == ["experience_bank.npz"]


def test_an_environment_that_fails_may_be_left_out(tmp_path):
    text = BY_SCRIPTS.replace(" play", " play --broken 2").replace("count", 'on_failure = "skip"\ncount')
    outcome = run_campaign(
        tmp_path, learners(tmp_path, text + '[[learners]]\nname = "a"\nkind = "experience"\n')
    )
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)
    failed = [result.id.index for result in outcome.results("a") if result.status is TaskStatus.FAILED]
    assert failed == [2, 2]
    assert outcome.states("a")[1].state["whose"] == expected(2, [0, 1, 3, 4])


def test_a_learner_that_does_not_merge_leaves_the_banks_to_its_update(tmp_path):
    text = BY_SCRIPTS.partition("[tasks.update]")[0] + '[tasks.update]\ncommand = "ls"\n'
    outcome = run_campaign(tmp_path, learners(tmp_path, text))
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)
    names = sorted(path.name for path in outcome.layout.workdir("learner").glob("experience_bank*"))
    assert names == [
        f"experience_bank_{iteration}_{index}.npz" for iteration in range(2) for index in range(COUNT)
    ]


def test_a_learner_s_environments_know_nothing_of_another_s(tmp_path):
    text = BY_SCRIPTS + '[[learners]]\nname = "agent"\nkind = "experience"\nrepeat = 3\n'
    outcome = run_campaign(tmp_path, learners(tmp_path, text))
    for number in range(3):
        assert outcome.states(f"agent-{number}")[1].state["whose"] == expected(2)
