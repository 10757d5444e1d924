"""Faults of active learners that show in processes and files."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def run(finished):
    return finished("active")


def test_kwargs_of_a_configuration_never_reach_the_scripts(run):
    """ROSE 0.3 gave them to the Python functions alone, which reference document 3 has ignore them."""
    arguments = [
        (run.lines(f"learner-{number}", "simulated"), run.lines(f"learner-{number}", "trained"))
        for number in range(4)
    ]
    assert arguments == [
        ([f"--n_labeled {number}" for number in (100, 150, 200)], [""] * 3),
        ([""] * 3, [f"--learning_rate {rate}" for rate in (0.01, 0.001, 0.001)]),
        (["--n_labeled 200 --n_features 2"] * 3, ["--learning_rate 0.005"] * 3),
        ([""] * 3, [""] * 3),
    ]


def test_parallel_learners_overwrite_each_others_files(run):
    """All tasks ran in one folder, so that a training found the samples of another learner."""
    for number in range(4):
        found = [row.result for row in run.tasks(learner=f"learner-{number}", stage="training")]
        assert found == [f'"learner-{number}"'] * 3


def test_an_extra_simulation_and_training_run_after_the_last_iteration(run):
    """The loop prepared one more iteration before it looked whether there was one."""
    for number in range(4):
        stages = [row.stage for row in run.tasks(learner=f"learner-{number}")]
        assert sorted(stages) == sorted(["simulation", "training", "active_learn", "criterion"] * 3)


def test_state_registered_inside_a_function_task_fails(run):
    """A function that runs elsewhere took the whole learner with it, which cannot be pickled."""
    assert run.outcome["labels"] == 12
    assert run.record.learners["learner-0.2"].iterations[0].state["labels"] == 12


def test_leaving_the_loop_over_start_leaves_the_learners_running(run):
    """After `break` the other learners went on, and their tasks with them."""
    quick, slow = (run.record.learners[name] for name in ("learner-0.3", "learner-1.3"))
    assert (quick.stop_reason, slow.stop_reason) == ("stopped", "stopped")
    assert len(quick.iterations) == 1
    assert [row.status for row in run.tasks(learner="learner-1.3")] == ["cancelled"]
    assert run.outcome["left"] == "ended"


def test_sixty_tasks_run_at_once_on_two_workers(run):
    """All tasks were started when they were called, however few workers there were."""
    spans = [tuple(map(float, line.split())) for line in run.lines("learner-0.4", "spans")]
    assert len(spans) == 60
    steps = sorted([*((begin, 1) for begin, _ in spans), *((end, -1) for _, end in spans)])
    running = [sum(step for _, step in steps[:number]) for number in range(1, len(steps) + 1)]
    assert max(running) == 2
