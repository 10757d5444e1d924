import asyncio

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.learners.configs import LearnerConfig, TaskConfig
from rose_mpi.learners.reinforcement import (
    ParallelExperience,
    ParallelReinforcementLearner,
    SequentialReinforcementLearner,
)
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor


def with_tasks(kind, *, environment=True, executor=None):
    learner = kind(FakeEngine(executor or FakeExecutor({"criterion": 100.0})))
    if environment:
        learner.environment_task(lambda *args: "play")
    learner.update_task(lambda *args: "update")
    learner.as_stop_criterion("reward", 200, ">")(lambda *args: "test")
    return learner


def experience(*environments, executor=None):
    """A learner with environments as ``(name, options)``."""
    learner = with_tasks(ParallelExperience, environment=False, executor=executor)
    for name, options in environments:
        learner.environment_task(lambda *args, name=name: f"play-{name}", name=name, **options)
    return learner


def played(learner, iteration=0):
    return [
        (call.id.index, " ".join((call.work.executable, *call.work.arguments)))
        for call in learner.engine.executor.calls
        if call.id.stage == "environment" and call.id.iteration == iteration
    ]


def n(number):
    return TaskConfig(kwargs={"--n": number})


def test_an_iteration_collects_updates_and_tests():
    learner = with_tasks(SequentialReinforcementLearner)
    states = list(learner.start(max_iter=2))
    assert [stage for _, stage, _ in learner.engine.executor.stages()] == [
        "environment",
        "update",
        "criterion",
    ] * 2
    assert [state.metric_value for state in states] == [100.0, 100.0]
    assert learner.engine.executor.merged == []
    assert learner.engine.started()["learner-0"].kind == "reinforcement"


def test_it_may_begin_at_the_test_or_without_environments():
    learner = with_tasks(SequentialReinforcementLearner)
    learner.learn(max_iter=1, skip_pre_loop=True)
    learner.learn(max_iter=1, skip_simulation_step=True)
    stages = [
        (learner, stage)
        for call in learner.engine.executor.calls
        for learner, stage in [(call.id.learner, call.id.stage)]
    ]
    assert stages == [("learner-0", "criterion"), ("learner-0.2", "update"), ("learner-0.2", "criterion")]


def test_parallel_learners_have_numbers_and_configs():
    learner = with_tasks(ParallelReinforcementLearner)
    configs = [LearnerConfig(environment=n(1)), None]
    last = learner.learn(2, max_iter=1, learner_configs=configs)
    assert [state.learner_id for state in last] == [0, 1]
    assert played(learner) == [(0, "play --n 1"), (0, "play")]


def test_all_environments_run_in_one_stage_and_their_banks_are_merged():
    learner = experience(("env_1", {}), ("env_2", {}), ("env_3", {}))

    async def main():
        return [state async for state in learner.start(max_iter=2)]

    states = asyncio.run(main())
    assert played(learner) == [(0, "play-env_1"), (1, "play-env_2"), (2, "play-env_3")]
    assert learner.engine.executor.merged == [("learner-0", 0), ("learner-0", 1)]
    assert [state.experiences for state in states] == [10, 20]
    assert learner.engine.started()["learner-0"].kind == "experience"


def test_each_environment_may_run_several_times():
    learner = experience(("a", {"count": 2}), ("b", {"count": 3}))
    learner.learn(max_iter=1)
    assert played(learner) == [(0, "play-a"), (1, "play-a"), (2, "play-b"), (3, "play-b"), (4, "play-b")]


def test_environments_are_configured_together_or_by_name():
    learner = experience(("a", {}), ("b", {}), ("c", {}))
    by_name = {"a": n(1), "b": {0: n(2), -1: n(3)}, "default": n(4)}
    learner.learn(max_iter=2, learner_config=LearnerConfig(environment=by_name))
    assert [words for _, words in played(learner)] == ["play-a --n 1", "play-b --n 2", "play-c --n 4"]
    assert [words for _, words in played(learner, 1)] == ["play-a --n 1", "play-b --n 3", "play-c --n 4"]


@pytest.mark.parametrize("otherwise", [-1, "default"])
def test_environments_are_configured_by_iteration(otherwise):
    learner = experience(("a", {}), ("b", {}))
    learner.learn(max_iter=2, learner_config=LearnerConfig(environment={0: n(1), otherwise: n(2)}))
    assert [words for _, words in played(learner)] == ["play-a --n 1", "play-b --n 1"]
    assert [words for _, words in played(learner, 1)] == ["play-a --n 2", "play-b --n 2"]


def test_the_next_config_is_for_the_environments_too():
    learner = experience(("a", {}), ("b", {}))
    for _ in learner.start(max_iter=2):
        learner.set_next_config(LearnerConfig(environment={"b": n(5)}))
    assert [words for _, words in played(learner, 1)] == ["play-a", "play-b --n 5"]


def test_an_environment_that_fails_may_be_left_out():
    skipping = {"on_failure": "skip"}
    learner = experience(
        ("a", skipping), ("b", skipping), executor=FakeExecutor({"criterion": 1.0}, {("environment", 1)})
    )
    assert learner.learn(max_iter=2).iteration == 1


def test_an_environment_is_called_as_its_function_by_default():
    learner = ParallelExperience(FakeEngine())

    @learner.environment_task
    def corridor(*args):
        return "play"

    with pytest.raises(UsageError, match="there is an environment 'corridor' already"):
        learner.environment_task(name="corridor")(lambda *args: "play")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: with_tasks(SequentialReinforcementLearner, environment=False).learn(1),
            "has no environment task",
        ),
        (lambda: with_tasks(SequentialReinforcementLearner).learn(-1), "max_iter must be"),
        (
            lambda: with_tasks(SequentialReinforcementLearner).learn(
                1, learner_config=LearnerConfig(environment={"env_1": n(1)})
            ),
            "no environment is called 'env_1'",
        ),
        (
            lambda: experience(("env_1", {})).learn(
                1, learner_config=LearnerConfig(environment={"env1": n(1)})
            ),
            "no environment is called 'env1'; did you mean 'env_1'",
        ),
        (
            lambda: experience(("a", {"on_failure": "skip"}), ("b", {})).learn(1),
            "all environments of a learner must have the same on_failure",
        ),
        (lambda: experience().learn(1), "has no environment task"),
        (
            lambda: with_tasks(ParallelReinforcementLearner).learn(2, 1, learner_configs=[None]),
            "holds 1 config",
        ),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(UsageError, match=message):
        call()
