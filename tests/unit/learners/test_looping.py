"""What the learners whose loop is ours share."""

import asyncio
import json
import time

import numpy as np
import pytest

from rose_mpi.errors import UsageError
from rose_mpi.events import StopReason
from rose_mpi.learners.active import ParallelActiveLearner, SequentialActiveLearner
from rose_mpi.learners.configs import LearnerConfig, TaskConfig
from tests.unit.learners.engine import FakeEngine, FunctionExecutor
from tests.unit.learners.fake import FakeExecutor


def accuracy(call):
    return {"model_accuracy": 0.1 * (call.id.iteration + 1), "loss": 1.5}


def with_tasks(learner, criterion=True, active_learn=True):
    learner.simulation_task(lambda *args, **kwargs: "sim")
    learner.training_task(lambda *args, **kwargs: "train")
    if active_learn:
        learner.active_learn_task(lambda *args: "select")
    if criterion:
        learner.as_stop_criterion("model_accuracy", 0.9)(lambda *args: "check")
    return learner


def sequential(executor=None, **options):
    engine = FakeEngine(executor or FakeExecutor({"criterion": accuracy}))
    return with_tasks(SequentialActiveLearner(engine), **options)


def parallel(executor=None, **options):
    engine = FakeEngine(executor or FakeExecutor({"criterion": accuracy}))
    return with_tasks(ParallelActiveLearner(engine), **options)


def simulations(learner):
    return [
        (call.id.learner, call.id.iteration, *call.work.arguments)
        for call in learner.engine.executor.calls
        if call.id.stage == "simulation"
    ]


def n(number):
    return LearnerConfig(simulation=TaskConfig(kwargs={"--n": number}))


class Tracker:
    def __init__(self):
        self.told = []

    def on_start(self, manifest):
        self.told.append(("start", manifest.learner_type, list(manifest.tasks)))

    def on_iteration(self, state):
        self.told.append(("iteration", state.learner, state.iteration))

    def on_stop(self, state, reason):
        self.told.append(("stop", state and state.iteration, reason))

    def on_state_update(self, key, value):
        self.told.append(("state", key, value))


def test_the_next_config_holds_from_the_next_iteration_on():
    learner = sequential()
    configs = []
    for state in learner.start(max_iter=4, initial_config=n(1)):
        configs.append(state.current_config)
        if state.iteration == 1:
            learner.set_next_config(n(2))
    assert simulations(learner) == [("learner-0", i, "--n", str(k)) for i, k in enumerate((1, 1, 2, 2))]
    assert configs == [n(1), n(1), n(2), n(2)]


def test_each_parallel_learner_has_a_config_of_its_own_and_the_next_is_for_all():
    learner = parallel()
    schedule = learner.create_adaptive_schedule("simulation", lambda i: {"kwargs": {"--n": 10 + i}})
    for state in learner.start(
        3, max_iter=3, learner_configs=[n(1), None, LearnerConfig(simulation=schedule)]
    ):
        if state.iteration == 1 and state.learner_id == 2:
            learner.set_next_config(n(9))
    assert simulations(learner)[:6] == [
        ("learner-0", 0, "--n", "1"),
        ("learner-1", 0),
        ("learner-2", 0, "--n", "10"),
        ("learner-0", 1, "--n", "1"),
        ("learner-1", 1),
        ("learner-2", 1, "--n", "11"),
    ]
    assert ("learner-2", 2, "--n", "9") in simulations(learner)


def test_an_adaptive_schedule_reaches_far_iterations():
    learner = sequential(FakeExecutor(), criterion=False)
    asked = []
    schedule = learner.create_adaptive_schedule(
        "simulation", lambda i: asked.append(i) or {"kwargs": {"--n": i}}
    )
    learner.teach(max_iter=1001, learner_config=LearnerConfig(simulation=schedule))
    assert simulations(learner)[-1] == ("learner-0", 1000, "--n", "1000")
    assert asked == list(range(1001))


def test_an_adaptive_schedule_that_raises_ends_the_learner_with_its_error():
    learner = sequential()
    schedule = learner.create_adaptive_schedule("simulation", lambda i: {"kwargs": {"--n": 1 / (1 - i)}})
    with pytest.raises(ZeroDivisionError):
        learner.teach(max_iter=3, learner_config=LearnerConfig(simulation=schedule))
    assert "ZeroDivisionError" in learner.engine.finished()["learner-0"].error


def test_stop_ends_the_learners_after_their_present_tasks():
    learner = parallel()
    states = []
    for state in learner.start(2, max_iter=50):
        states.append(state)
        if state.iteration == 2:
            learner.stop()
            assert learner.is_stopped
    assert max(state.iteration for state in states) <= 3
    assert {event.stop_reason for event in learner.engine.finished().values()} == {StopReason.STOPPED}
    for _ in learner.start(2, max_iter=1):
        assert not learner.is_stopped


def test_skip_pre_loop_begins_at_active_learn():
    learner = sequential()
    learner.teach(max_iter=2, skip_pre_loop=True)
    stages = [(iteration, stage) for iteration, stage, _ in learner.engine.executor.stages()]
    assert stages == [
        (0, "active_learn"),
        (0, "criterion"),
        (1, "simulation"),
        (1, "training"),
        (1, "active_learn"),
        (1, "criterion"),
    ]


def test_skip_simulation_step_runs_no_simulation_and_needs_none():
    learner = SequentialActiveLearner(FakeEngine())
    learner.training_task(lambda: "train")
    learner.active_learn_task(lambda: "select")
    learner.teach(max_iter=2, skip_simulation_step=True)
    assert [stage for _, stage, _ in learner.engine.executor.stages()] == ["training", "active_learn"] * 2


def test_learners_that_run_in_parallel_have_a_number():
    assert sequential().teach(max_iter=1).learner_id is None
    last = parallel().teach(3, max_iter=2)
    assert [(state.learner, state.learner_id, state.iteration) for state in last] == [
        ("learner-0", 0, 1),
        ("learner-1", 1, 1),
        ("learner-2", 2, 1),
    ]


def test_results_by_iteration_and_by_learner():
    learner = sequential()
    assert learner.get_metric_results() == {}
    assert learner.get_current_state() is None
    assert learner.get_max_iterations() is None
    learner.teach(max_iter=3)
    assert learner.get_metric_results() == pytest.approx({0: 0.1, 1: 0.2, 2: 0.3})
    assert learner.get_current_state().iteration == 2
    assert learner.get_max_iterations() == 3
    learner = parallel()
    learner.teach(2, max_iter=2)
    assert set(learner.get_metric_results()) == {"learner-0", "learner-1"}
    assert learner.get_metric_results()["learner-1"] == pytest.approx({0: 0.1, 1: 0.2})


def test_a_second_start_begins_anew():
    learner = sequential()
    learner.teach(max_iter=3)
    states = learner.start(max_iter=1)
    assert learner.get_current_state() is None
    assert [state.learner for state in states] == ["learner-0.2"]
    assert set(learner.get_metric_results()) == {0}


def test_a_start_that_was_refused_takes_no_name():
    learner = sequential(criterion=False)
    with pytest.raises(UsageError, match="no way to stop"):
        learner.start()
    assert learner.teach(max_iter=1).learner == "learner-0"


def test_two_runs_of_one_learner_may_overlap():
    async def main():
        learner = sequential()
        first, second = learner.teach(max_iter=3), learner.teach(max_iter=3)
        return await first, await second

    first, second = asyncio.run(main())
    assert (first.learner, second.learner) == ("learner-0", "learner-0.2")


def test_trackers_are_told_of_all():
    learner = sequential()
    tracker = Tracker()
    learner.add_tracker(tracker)
    learner.teach(max_iter=2)
    assert tracker.told == [
        ("start", "SequentialActiveLearner", ["simulation", "training", "active_learn"]),
        ("state", "loss", 1.5),
        ("iteration", "learner-0", 0),
        ("state", "loss", 1.5),
        ("iteration", "learner-0", 1),
        ("stop", 1, "max_iter_reached"),
    ]


@pytest.mark.parametrize(
    ("executor", "act", "reason"),
    [
        (FakeExecutor({"criterion": 0.95}), lambda learner: None, "criterion_met"),
        (FakeExecutor({"criterion": 0.1}), lambda learner: learner.stop(), "stopped"),
        (FakeExecutor({"criterion": 0.1}, failing={("training", 0)}), lambda learner: None, "error"),
    ],
)
def test_trackers_are_told_why_it_stopped(executor, act, reason):
    learner = sequential(executor)
    tracker = Tracker()
    learner.add_tracker(tracker)
    try:
        for _ in learner.start(max_iter=2):
            act(learner)
    except RuntimeError:
        assert reason == "error"
    stops = [told for told in tracker.told if told[0] == "stop"]
    assert stops == [("stop", None if reason == "error" else 0, reason)]


def test_parallel_learners_stop_for_the_worst_of_their_reasons():
    values = {"learner-0": 0.95, "learner-1": 0.1}
    learner = parallel(FakeExecutor({"criterion": lambda call: values[call.id.learner]}))
    tracker = Tracker()
    learner.add_tracker(tracker)
    learner.teach(2, max_iter=2)
    assert tracker.told[-1] == ("stop", 1, "max_iter_reached")


def test_trackers_hear_of_the_end_where_the_ranks_cannot_be_had():
    class Refusing(FakeExecutor):
        async def open(self, learners):
            raise UsageError("no ranks")

    learner = sequential(Refusing())
    tracker = Tracker()
    learner.add_tracker(tracker)
    with pytest.raises(UsageError, match="no ranks"):
        learner.teach(max_iter=1)
    assert tracker.told[-1] == ("stop", None, "stopped")
    learner.set_next_config(n(1))


def test_state_is_registered_by_the_program_and_by_tasks(tmp_path):
    learner = SequentialActiveLearner(FakeEngine(FunctionExecutor(tmp_path)))
    heard = []
    learner.on_state_update(lambda key, value: heard.append((key, value)))

    @learner.simulation_task(as_executable=False)
    def simulate():
        learner.register_state("made", 3)
        return {"noise": 0.5}

    @learner.training_task
    def train(*args):
        learner.register_state("prepared", learner.get_state("made") + 1)
        return "train"

    (state,) = learner.start(max_iter=1)
    assert heard == [("noise", 0.5), ("made", 3), ("prepared", 4)]
    assert (state.made, state.noise, state.prepared) == (3, 0.5, 4)
    assert learner.get_all_state() == {"noise": 0.5, "made": 3, "prepared": 4}
    learner.clear_state()
    assert learner.get_state("made", "gone") == "gone"


def test_a_callback_that_raises_is_not_called_again_and_one_may_be_removed(caplog):
    learner = sequential()
    heard = []

    def broken(key, value):
        heard.append(key)
        raise ValueError("broken callback")

    learner.on_state_update(broken)
    learner.on_state_update(removed := lambda key, value: heard.append("removed"))
    learner.remove_state_callback(removed)
    learner.remove_state_callback(removed)
    learner.teach(max_iter=3)
    assert heard == ["loss"]
    assert "broken callback" in caplog.text


def test_a_state_can_be_said_in_json():
    value = {
        "model_accuracy": 0.1,
        "array": np.arange(3.0),
        "number": np.float32(0.5),
        "infinite": float("inf"),
        "nested": {"pairs": [(1, 2)], 3: {4}},
        "iteration": "taken",
    }
    state = sequential(FakeExecutor({"criterion": value})).teach(max_iter=1)
    said = json.loads(json.dumps(state.to_dict(), allow_nan=False))
    assert said["array"] == [0, 1, 2]
    assert said["number"] == 0.5
    assert said["infinite"] is None
    assert said["nested"] == {"pairs": [[1, 2]], "3": "{4}"}
    assert (said["iteration"], said["metric_value"], said["metric_history"]) == (0, 0.1, [0.1])
    assert (said["learner_id"], said["should_stop"], said["metric_threshold"]) == (None, False, 0.9)
    assert state.get("iteration") == "taken"


def test_the_engine_s_iterations_hold_where_nothing_is_said():
    engine = FakeEngine(max_iterations=2)
    learner = with_tasks(SequentialActiveLearner(engine), criterion=False)
    assert learner.teach().iteration == 1
    assert learner.teach(max_iter=1).iteration == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: sequential(criterion=False).teach(),
            "has no way to stop: give max_iter, or decorate a function",
        ),
        (lambda: sequential().teach(max_iter=-1), "max_iter must be a whole number from 0 on .*, not -1"),
        (lambda: sequential().teach(max_iter=1.5), "max_iter must be a whole number"),
        (lambda: sequential().teach(1, learner_config={}), "must be a LearnerConfig or None, not {}"),
        (lambda: sequential().set_next_config(None), "set_next_config needs a LearnerConfig, not None"),
        (lambda: SequentialActiveLearner(FakeEngine()).teach(1), "has no simulation task: decorate"),
        (
            lambda: sequential(active_learn=False).teach(1, skip_simulation_step=True),
            "has no active_learn task: .*@learner.active_learn_task",
        ),
        (lambda: parallel().teach(0), "parallel_learners must be a whole number from 1 on, not 0"),
        (lambda: parallel().teach("2"), "parallel_learners must be a whole number from 1 on, not '2'"),
        (lambda: parallel().teach(2, learner_configs=[None]), "holds 1 configurations for 2 learners"),
        (lambda: parallel().teach(1, learner_configs=[3]), "must be a LearnerConfig or None, not 3"),
        (lambda: sequential().create_iteration_schedule("simulaton", {}), "did you mean 'simulation'"),
        (lambda: sequential().create_adaptive_schedule("simulation", 3), "needs a function of the iteration"),
        (lambda: sequential().add_tracker(object()), "object is no tracker"),
    ],
)
def test_wrong_arguments_are_told_at_once(call, message):
    began = time.monotonic()
    with pytest.raises(UsageError, match=message):
        call()
    assert time.monotonic() - began < 2
