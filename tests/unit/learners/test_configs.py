import dataclasses

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.learners.configs import (
    AdaptiveSchedule,
    LearnerConfig,
    TaskConfig,
    UQLearnerConfig,
    check_task_name,
    iteration_schedule,
)

FEW, MANY, LATER = (TaskConfig(kwargs={"--n": number}) for number in (1, 100, 7))


def at(entry, *iterations):
    config = LearnerConfig(simulation=entry)
    return [config.get_task_config("simulation", iteration) for iteration in iterations]


def test_arguments_are_the_same_always_or_none():
    assert at(FEW, 0, 5) == [FEW, FEW]
    assert at(None, 0) == [None]
    assert LearnerConfig(simulation=FEW).get_task_config("no_such_task", 0) is None


@pytest.mark.parametrize("otherwise", [-1, "default"])
def test_arguments_by_iteration_with_one_for_all_others(otherwise):
    assert at({0: FEW, 5: MANY, otherwise: LATER}, 0, 1, 5, 6) == [FEW, LATER, MANY, LATER]


def test_iterations_that_are_not_named_have_none_without_an_entry_for_all_others():
    assert at({0: FEW}, 0, 1) == [FEW, None]


def test_minus_one_wins_over_default():
    assert at({-1: MANY, "default": FEW}, 3) == [MANY]


def test_arguments_may_be_dictionaries():
    assert at({0: {"kwargs": {"--n": 1}}, -1: {"args": [3]}}, 0, 1) == [FEW, TaskConfig(args=(3,))]


def test_adaptive_arguments_are_computed_when_they_are_needed():
    asked = []

    def schedule(iteration):
        asked.append(iteration)
        return {"kwargs": {"--n": iteration * 2}}

    config = LearnerConfig(simulation=AdaptiveSchedule(schedule))
    assert asked == []
    assert config.get_task_config("simulation", 1000) == TaskConfig(kwargs={"--n": 2000})
    assert asked == [1000]


def test_a_schedule_is_made_of_dictionaries_or_configs():
    schedule = iteration_schedule("training", {0: {"kwargs": {"--n": 1}}, -1: MANY})
    assert schedule == {0: FEW, -1: MANY}
    assert LearnerConfig(training=schedule).get_task_config("training", 9) == MANY


def test_lists_become_tuples_and_configs_stay_as_they_are():
    assert TaskConfig(args=[1, 2]).args == (1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        FEW.args = ()


def test_the_uncertainty_task_has_arguments_too():
    assert UQLearnerConfig(uncertainty=FEW).get_task_config("uncertainty", 0) == FEW


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaskConfig(args="12"), "args must be a tuple, not '12'"),
        (lambda: TaskConfig(kwargs=["--n"]), "kwargs must be a dictionary"),
        (lambda: TaskConfig(kwargs={1: 2}), "the names in kwargs must be text, not 1"),
        (lambda: LearnerConfig(simulation=3), "simulation must be a TaskConfig or a mapping of iterations"),
        (lambda: LearnerConfig(training={"0": FEW}), "training: '0' is no iteration: 0, 1, 2, … or -1"),
        (lambda: LearnerConfig(training={-2: FEW}), "-2 is no iteration"),
        (lambda: LearnerConfig(training={True: FEW}), "True is no iteration"),
        (lambda: LearnerConfig(training={0: {"kwarg": {}}}), "unknown key 'kwarg'; did you mean 'kwargs'"),
        (lambda: LearnerConfig(training={0: 3}), r"training\[0\] must be a TaskConfig or a dictionary"),
        (lambda: AdaptiveSchedule(3), "needs a function of the iteration, not 3"),
        (lambda: AdaptiveSchedule(lambda i: 3)[4], "adaptive schedule gave for 4 must be a TaskConfig"),
        (lambda: iteration_schedule("trainig", {}), "no task is called 'trainig'; did you mean 'training'"),
        (lambda: iteration_schedule("training", {0: {"arg": ()}}), "unknown key 'arg'; did you mean 'args'"),
        (lambda: check_task_name("zzz"), "no task is called 'zzz'; there are simulation, training"),
    ],
)
def test_what_is_wrong_is_told(make, message):
    with pytest.raises(UsageError, match=message):
        make()
