import asyncio

import pytest

from rose_mpi.errors import TaskError, UsageError
from rose_mpi.events import StopReason
from rose_mpi.learners.configs import LearnerConfig, TaskConfig
from rose_mpi.learners.selector import AlgorithmSelector
from rose_mpi.tasks import TaskStatus
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor

ACCURACIES = {"entropy": (0.5, 0.8, 0.95), "random": (0.4, 0.5, 0.6), "coreset": (0.9, 0.92, 0.91)}


class Algorithms(FakeExecutor):
    """Each algorithm has its metrics by iteration; those in ``broken`` fail in the iteration given."""

    def __init__(self, metrics=None, labels=None, broken=None):
        super().__init__()
        self.metrics = metrics or ACCURACIES
        self.labels = labels or {}
        self.broken = broken or {}

    def result(self, call):
        algorithm = call.id.learner.partition(".")[0]
        if call.id.stage == "simulation" and self.broken.get(algorithm) == call.id.iteration:
            return self.attempt(call, TaskStatus.FAILED, None, f"{algorithm} is broken")
        value = None
        if call.id.stage == "criterion":
            value = self.metrics[algorithm][call.id.iteration]
        elif call.id.stage == "active_learn" and algorithm in self.labels:
            value = {"indices": list(range(self.labels[algorithm]))}
        return self.attempt(call, TaskStatus.DONE, value, "")


def selector(executor=None, algorithms=("entropy", "random", "coreset"), criterion=("model_accuracy", 0.95)):
    chosen = AlgorithmSelector(FakeEngine(executor or Algorithms()))

    @chosen.simulation_task
    def simulate(*args, **kwargs):
        return "sim"

    @chosen.training_task
    def train(*args, **kwargs):
        return "train"

    for name in algorithms:
        chosen.active_learn_task(lambda *args, name=name, **kwargs: f"select-{name}", name=name)

    if criterion:

        @chosen.as_stop_criterion(*criterion)
        def check(*args, **kwargs):
            return "check"

    return chosen


def test_every_algorithm_runs_with_the_same_other_tasks_and_the_best_is_told():
    learner = selector()
    outcome = learner.teach_and_select(max_iter=3)
    assert outcome == {
        "algorithm_results": {
            "entropy": {"iterations": 3, "last_result": 0.95},
            "random": {"iterations": 3, "last_result": 0.6},
            "coreset": {"iterations": 3, "last_result": 0.91},
        },
        "best_algorithm": "entropy",
        "best_stats": {"iterations": 3, "last_result": 0.95},
    }
    assert learner.get_best_algorithm() == ("entropy", learner.best_pipeline_stats)
    assert learner.best_pipeline_name == "entropy"
    calls = learner.engine.executor.calls
    commands = {call.id.learner: call.work.executable for call in calls if call.id.stage == "active_learn"}
    assert commands == {name: f"select-{name}" for name in ACCURACIES}
    assert {call.work.executable for call in calls if call.id.stage == "training"} == {"train"}
    assert set(learner.engine.finished()) == set(ACCURACIES)


@pytest.mark.parametrize(
    ("metrics", "criterion", "best"),
    [
        ({"a": (0.8,), "b": (0.9,)}, ("model_accuracy", 0.99), "b"),
        ({"a": (0.8,), "b": (0.9,)}, ("mean_squared_error_mse", 0.01), "a"),
        ({"a": (1.3,), "b": (0.8,)}, ("ratio", 1.0, "="), "b"),
        ({"a": (0.99,), "b": (0.999,)}, ("model_accuracy", 0.9), "b"),
    ],
)
def test_the_metric_s_own_direction_decides(metrics, criterion, best):
    outcome = selector(Algorithms(metrics), ("a", "b"), criterion).teach_and_select(max_iter=1)
    assert outcome["best_algorithm"] == best


def test_of_equal_metrics_fewer_iterations_and_then_fewer_labels_win():
    metrics = {"slow": (0.5, 0.95), "fast": (0.95,)}
    assert selector(Algorithms(metrics), metrics).teach_and_select(max_iter=2)["best_algorithm"] == "fast"
    metrics = {"many": (0.5, 0.95), "few": (0.5, 0.95)}
    learner = selector(Algorithms(metrics, labels={"many": 20, "few": 10}), metrics)
    outcome = learner.teach_and_select(max_iter=2)
    assert outcome["best_algorithm"] == "few"
    assert outcome["best_stats"]["labels"] == 20


def test_an_algorithm_s_failure_leaves_the_others():
    learner = selector(Algorithms(broken={"entropy": 1, "coreset": 0}))
    outcome = learner.teach_and_select(max_iter=3)
    assert outcome["best_algorithm"] == "random"
    results = outcome["algorithm_results"]
    assert results["random"] == {"iterations": 3, "last_result": 0.6}
    assert results["entropy"]["iterations"] == 1
    assert "entropy.1.simulation.0 failed: entropy is broken" in results["entropy"]["error"]
    assert results["coreset"]["last_result"] is None
    assert learner.engine.finished()["coreset"].stop_reason is StopReason.ERROR


def test_if_all_algorithms_fail_the_first_failure_is_raised():
    learner = selector(Algorithms(broken={"entropy": 1, "random": 0, "coreset": 1}))
    with pytest.raises(TaskError, match=r"random\.0\.simulation") as caught:
        learner.teach_and_select(max_iter=3)
    assert "3 of 3 learners failed" in caught.value.__notes__[0]
    assert learner.get_best_algorithm() == (None, None)
    assert all("error" in stats for stats in learner.algorithm_results.values())


def test_a_failure_that_shall_end_all_is_raised():
    learner = selector(Algorithms(broken={"coreset": 1}))
    learner.engine.on_failure = "abort"
    with pytest.raises(TaskError, match=r"coreset\.1\.simulation"):
        learner.teach_and_select(max_iter=3)
    assert learner.engine.finished()["random"].stop_reason is StopReason.STOPPED


def test_without_a_criterion_the_metric_is_undefined_and_the_first_is_best():
    outcome = selector(criterion=None).teach_and_select(max_iter=2)
    assert outcome["best_stats"] == {"iterations": 2, "last_result": None}
    assert outcome["best_algorithm"] == "entropy"


def test_in_an_event_loop_it_gives_a_future_and_states_can_be_iterated():
    async def main():
        outcome = await selector().teach_and_select(max_iter=3)
        learner = selector()
        return outcome, [state async for state in learner.start(max_iter=2)], learner.best_pipeline_name

    outcome, states, best = asyncio.run(main())
    assert outcome["best_algorithm"] == "entropy"
    assert {(state.learner_id, state.iteration) for state in states} == {
        (name, iteration) for name in ACCURACIES for iteration in range(2)
    }
    assert best == "coreset"


def test_algorithms_are_configured_by_name_and_the_next_config_is_for_all():
    learner = selector(algorithms=("entropy", "random"))
    configs = {"entropy": LearnerConfig(active_learn=TaskConfig(kwargs={"--n": 5}))}
    for state in learner.start(max_iter=2, algorithm_configs=configs):
        if state.iteration == 0:
            learner.set_next_config(LearnerConfig(active_learn=TaskConfig(kwargs={"--n": 7})))
    words = {
        (call.id.learner, call.id.iteration): (call.work.executable, *call.work.arguments)
        for call in learner.engine.executor.calls
        if call.id.stage == "active_learn"
    }
    assert words == {
        ("entropy", 0): ("select-entropy", "--n", "5"),
        ("random", 0): ("select-random",),
        ("entropy", 1): ("select-entropy", "--n", "7"),
        ("random", 1): ("select-random", "--n", "7"),
    }


def test_a_second_run_begins_anew():
    learner = selector()
    learner.teach_and_select(max_iter=3)
    outcome = learner.teach_and_select(max_iter=1)
    assert outcome["best_algorithm"] == "coreset"
    assert outcome["algorithm_results"]["entropy"] == {"iterations": 1, "last_result": 0.5}
    assert "entropy.2" in learner.engine.started()


def test_an_algorithm_s_name_is_by_default_its_function_s():
    learner = AlgorithmSelector(FakeEngine())

    @learner.active_learn_task
    def entropy(*args):
        return "e"

    @learner.active_learn_task(as_executable=False)
    async def margin(*args):
        return 1

    with pytest.raises(UsageError, match="there is an algorithm 'entropy' already"):
        learner.active_learn_task(lambda: "x", name="entropy")
    assert list(learner.functions) == ["active_learn.entropy", "active_learn.margin"]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        ({"algorithms": ()}, {"max_iter": 1}, "has no algorithm"),
        ({"criterion": None}, {}, "no way to stop"),
        (
            {},
            {"algorithm_configs": {"entrpy": None}},
            "no algorithm is called 'entrpy'; did you mean 'entropy'",
        ),
        ({}, {"algorithm_configs": [None]}, "must be a dictionary by algorithm"),
        ({}, {"algorithm_configs": {"random": {}}}, "must be a LearnerConfig or None"),
    ],
)
def test_wrong_arguments_are_told(make, arguments, message):
    with pytest.raises(UsageError, match=message):
        selector(**make).teach_and_select(**arguments)


def test_training_and_simulation_are_needed():
    learner = AlgorithmSelector(FakeEngine())
    learner.active_learn_task(lambda: "select", name="a")
    with pytest.raises(UsageError, match="AlgorithmSelector has no simulation task"):
        learner.start(max_iter=1)
