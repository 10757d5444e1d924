"""Faults of the learners' logic, shown without processes."""

from __future__ import annotations

import asyncio

import pytest

from rose_mpi.al import AlgorithmSelector
from rose_mpi.learner import LearnerConfig, ParallelActiveLearner, SequentialActiveLearner, TaskConfig
from rose_mpi.metrics import EQUAL_TO_THRESHOLD, MEAN_SQUARED_ERROR_MSE, MODEL_ACCURACY
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor


@pytest.fixture
def engine():
    return FakeEngine(FakeExecutor({"criterion": lambda call: float(call.id.iteration)}))


def with_tasks(learner):
    """The learner with tasks that do nothing; its criterion measures the number of the iteration."""
    learner.simulation_task(lambda *_: "sim.py")
    learner.training_task(lambda *_: "train.py")
    learner.active_learn_task(lambda *_: "select.py")
    return learner


def arguments(engine, stage):
    return [call.work.arguments for call in engine.executor.calls if call.id.stage == stage]


def test_the_equals_sign_is_refused_as_operator(engine):
    """ROSE 0.3 named the operator EQUAL_TO_THRESHOLD and did not know it."""
    learner = with_tasks(SequentialActiveLearner(engine))
    learner.as_stop_criterion("exactly", 3, EQUAL_TO_THRESHOLD)(lambda *_: "check.py")
    assert learner.teach(max_iter=9).iteration == 3


def test_a_users_operator_for_a_standard_metric_is_ignored(engine):
    """The metric's own operator was taken, whatever the decorator said."""
    learner = with_tasks(SequentialActiveLearner(engine))
    learner.as_stop_criterion(MEAN_SQUARED_ERROR_MSE, 2, ">=")(lambda *_: "check.py")
    assert learner.teach(max_iter=9).iteration == 2


def test_adaptive_schedules_end_at_iteration_100(engine):
    """They were computed beforehand, for a hundred iterations."""
    learner = with_tasks(SequentialActiveLearner(engine))
    schedule = learner.create_adaptive_schedule("simulation", lambda i: {"kwargs": {"--n": i}})
    learner.teach(max_iter=103, learner_config=LearnerConfig(simulation=schedule))
    assert arguments(engine, "simulation") == [("--n", str(iteration)) for iteration in range(103)]


def test_best_algorithm_is_wrong_for_accuracy():
    """The smallest metric won, also where more is better."""
    accuracies = {"poor": 0.6, "good": 0.9, "medium": 0.8}
    engine = FakeEngine(FakeExecutor({"criterion": lambda call: accuracies[call.id.learner]}))
    selector = AlgorithmSelector(engine)
    selector.simulation_task(lambda *_: "sim.py")
    selector.training_task(lambda *_: "train.py")
    for name in accuracies:
        selector.active_learn_task(lambda *_: "select.py", name=name)
    selector.as_stop_criterion(MODEL_ACCURACY, 0.99)(lambda *_: "check.py")
    assert selector.teach_and_select(max_iter=2)["best_algorithm"] == "good"


def test_a_misspelt_attribute_of_the_state_gives_none():
    """A loop that stops by `state.n_labelled` then never stopped."""
    engine = FakeEngine(FakeExecutor({"simulation": {"labels": 40}}))
    state = with_tasks(SequentialActiveLearner(engine)).teach(max_iter=1)
    assert state.labels == 40
    with pytest.raises(AttributeError, match="did you mean 'labels'"):
        _ = state.lables


def test_a_configuration_of_kwargs_alone_wipes_the_args(engine):
    """The arguments of the function's own call were lost."""
    learner = with_tasks(SequentialActiveLearner(engine))
    simulate = learner.simulation_task(lambda *args, **_: f"sim.py {' '.join(args)}")
    simulate("first", "second")
    learner.teach(
        max_iter=1, learner_config=LearnerConfig(simulation=TaskConfig(kwargs={"--n_labeled": 200}))
    )
    (call,) = (call for call in engine.executor.calls if call.id.stage == "simulation")
    assert (call.work.executable, call.work.arguments) == ("sim.py first second", ("--n_labeled", "200"))


def test_learners_run_iterations_ahead_of_a_slow_loop(engine):
    """Nothing held them back, so that a new configuration came tens of iterations late."""
    learner = with_tasks(ParallelActiveLearner(engine))

    async def main():
        async for state in learner.start(2, max_iter=20):
            await asyncio.sleep(0.01)
            for call in engine.executor.calls:
                own = call.id.learner == state.learner
                assert call.id.iteration <= state.iteration + (0 if own else 1)

    asyncio.run(main())
    assert len(engine.executor.calls) == 2 * 20 * 3
