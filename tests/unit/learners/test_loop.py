import asyncio
import math
from dataclasses import replace

import numpy as np
import pytest

from rose_mpi.errors import ResultError, TaskError
from rose_mpi.events import StopReason
from rose_mpi.learners.loop import LearnerLoop
from rose_mpi.learners.spec import Criterion, Ensemble, LearnerKind, LearnerSpec, OnFailure, Step, Uncertainty
from rose_mpi.schedules import ByIteration, Computed, Constant
from rose_mpi.tasks import Task
from tests.unit.learners.fake import FakeExecutor

ACCURACY = Criterion("model_accuracy", 0.9, ">=")


def step(**options):
    return Step(Task("python task.py"), **options)


def active(max_iterations=3, criterion=ACCURACY, **steps):
    steps = {"simulation": step(count=2), "training": step(), "active_learn": step(), **steps}
    if criterion:
        steps.setdefault("criterion", step())
    return LearnerSpec("a", LearnerKind.ACTIVE, steps, 7, max_iterations, criterion)


def uq(max_iterations=3, criterion=ACCURACY, models=("m", "n"), threshold=None, changing=False, **steps):
    steps = {"simulation": step(), "training": step(), "prediction": step(), **steps}
    if criterion:
        steps.setdefault("criterion", step())
    wanted = Uncertainty("predictive_entropy", "classification", 2, threshold, changing_pool=changing)
    return LearnerSpec(
        "u", LearnerKind.UQ, steps, 7, max_iterations, criterion, wanted, Ensemble(models, predictions=2)
    )


def run(spec, executor):
    loop = LearnerLoop(spec, executor)

    async def collect():
        return [state async for state in loop.states()]

    return asyncio.run(collect()), loop.stop_reason


def test_an_active_iteration_runs_its_stages_in_order():
    executor = FakeExecutor({"criterion": 0.5})
    states, reason = run(active(max_iterations=1), executor)
    assert executor.stages() == [
        (0, "simulation", 0),
        (0, "simulation", 1),
        (0, "training", 0),
        (0, "active_learn", 0),
        (0, "criterion", 0),
    ]
    assert reason is StopReason.MAX_ITER_REACHED
    assert states[0].metric == 0.5


def test_it_stops_when_the_criterion_is_met_and_runs_nothing_after():
    executor = FakeExecutor({"criterion": lambda call: 0.5 + 0.4 * call.id.iteration})
    states, reason = run(active(max_iterations=10), executor)
    assert reason is StopReason.CRITERION_MET
    assert [state.should_stop for state in states] == [False, True]
    assert executor.calls[-1].id.stage == "criterion"


def test_without_a_criterion_the_metric_is_undefined():
    states, _ = run(active(criterion=None), FakeExecutor())
    assert len(states) == 3
    assert math.isnan(states[0].metric)


@pytest.mark.parametrize("value", [0.95, {"model_accuracy": 0.95}, {"metric_value": 0.95, "loss": 2}])
def test_the_metric_may_be_a_number_or_stand_in_a_mapping(value):
    states, reason = run(active(), FakeExecutor({"criterion": value}))
    assert states[0].metric == 0.95
    assert reason is StopReason.CRITERION_MET


@pytest.mark.parametrize("value", [None, "good", True, float("nan"), {"loss": 1.0}, [0.95]])
def test_an_unusable_metric_is_an_error_that_names_the_task(value):
    with pytest.raises(ResultError, match=r"task a\.0\.criterion\.0"):
        run(active(), FakeExecutor({"criterion": value}))


def test_what_tasks_return_by_name_becomes_state():
    values = {
        "simulation": lambda call: {"labels": 10 * (call.id.index + 1), "name": "x", "flag": True},
        "criterion": {"model_accuracy": 0.1, "loss": 2.5},
    }
    states, _ = run(active(max_iterations=1), FakeExecutor(values))
    assert states[0].state == {"labels": 15.0, "name": "x", "flag": True, "loss": 2.5}
    assert states[0].numbers == {"labels": 15.0, "loss": 2.5}


def test_schedules_reach_the_commands():
    schedules = (
        Constant({"--a": 1}),
        ByIteration({0: {"--n": 100}, -1: {"--n": 500}}),
        Computed(lambda i: {"--noise": i * 2}),
    )
    executor = FakeExecutor({"criterion": 0.0})
    run(active(max_iterations=2, simulation=step(schedules=schedules)), executor)
    words = [
        (call.work.executable, *call.work.arguments)
        for call in executor.calls
        if call.id.stage == "simulation"
    ]
    assert words[0] == ("python task.py", "--a", "1", "--n", "100", "--noise", "0")
    assert words[1] == ("python task.py", "--a", "1", "--n", "500", "--noise", "2")


def test_seeds_differ_between_tasks_and_not_between_runs():
    first, second = FakeExecutor({"criterion": 0.0}), FakeExecutor({"criterion": 0.0})
    run(uq(), first)
    run(uq(), second)
    seeds = {call.id: call.seed for call in first.calls}
    assert len(set(seeds.values())) == len(seeds)
    assert seeds == {call.id: call.seed for call in second.calls}
    assert all(0 <= seed < 2**32 for seed in seeds.values())


def test_a_failed_task_stops_the_learner_with_its_error():
    with pytest.raises(TaskError, match=r"a\.0\.simulation\.1 failed: exit code 1"):
        run(active(), FakeExecutor(failing={("simulation", 1)}))


def test_failures_may_be_skipped_while_something_succeeds():
    executor = FakeExecutor({"criterion": 1.0}, failing={("simulation", 1)})
    _, reason = run(active(simulation=step(count=2, on_failure=OnFailure.SKIP)), executor)
    assert reason is StopReason.CRITERION_MET
    executor = FakeExecutor({"criterion": 1.0}, failing={("simulation", 0), ("simulation", 1)})
    with pytest.raises(TaskError, match="1 more of this stage"):
        run(active(simulation=step(count=2, on_failure=OnFailure.SKIP)), executor)


def test_an_ensemble_trains_predicts_and_is_scored_in_the_order_of_its_models():
    executor = FakeExecutor({"criterion": 0.5})
    states, _ = run(uq(max_iterations=2), executor)
    names = [f"{member.model}{member.index}" for member in executor.requests[0].members]
    assert names == ["m0", "m1", "n0", "n1"]
    assert states[0].selected == (0, 1)
    assert states[1].selected == (2, 3)
    assert states[0].uncertainty == 1.0
    assert states[0].model_metric == {"m": 0.5, "n": 0.5}


def test_the_latest_selection_reaches_the_tasks_that_follow():
    executor = FakeExecutor({"criterion": 0.5})
    run(uq(max_iterations=2, active_learn=step()), executor)
    selection = {(call.id.iteration, call.id.stage): call.selection for call in executor.calls}
    assert selection[0, "training"] is None
    assert selection[0, "active_learn"] == selection[0, "criterion"] == "/s/0"
    assert selection[1, "simulation"] == selection[1, "training"] == "/s/0"
    assert selection[1, "criterion"] == "/s/1"


def test_queried_candidates_are_excluded_unless_the_pool_changes():
    executor = FakeExecutor({"criterion": 0.5})
    run(uq(), executor)
    assert [request.excluded.tolist() for request in executor.requests] == [[], [0, 1], [0, 1, 2, 3]]
    executor = FakeExecutor({"criterion": 0.5})
    run(uq(changing=True), executor)
    assert [request.excluded.tolist() for request in executor.requests] == [[], [], []]


def test_a_model_that_met_its_criterion_stops_training_but_keeps_voting():
    accuracy = {"m": 0.95, "n": 0.5}
    executor = FakeExecutor({"criterion": lambda call: accuracy[call.id.model]})
    states, reason = run(uq(max_iterations=2), executor)
    trained = [call.id.model for call in executor.calls if call.id.stage == "training"]
    checked = [call.id.model for call in executor.calls if call.id.stage == "criterion"]
    assert trained == ["m", "n", "n"] == checked
    assert all(len(request.members) == 4 for request in executor.requests)
    assert reason is StopReason.MAX_ITER_REACHED
    assert states[1].metric == pytest.approx(0.725)


def test_it_stops_when_every_model_has_met_its_criterion():
    executor = FakeExecutor(
        {"criterion": lambda call: 0.95 if call.id.iteration or call.id.model == "m" else 0.1}
    )
    states, reason = run(uq(), executor)
    assert len(states) == 2
    assert reason is StopReason.CRITERION_MET


def test_it_stops_when_the_ensemble_is_certain_enough():
    executor = FakeExecutor()
    states, reason = run(uq(max_iterations=None, criterion=None, threshold=0.4), executor)
    assert [state.uncertainty for state in states] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert reason is StopReason.CRITERION_MET


def test_it_stops_when_no_candidate_is_left():
    executor = FakeExecutor(scores=lambda request: [] if request.iteration else [4])
    states, reason = run(uq(max_iterations=None, criterion=None), executor)
    assert len(states) == 2
    assert reason is StopReason.STOPPED


def test_a_prediction_must_be_an_array():
    with pytest.raises(ResultError, match="returned no array"):
        run(uq(), FakeExecutor({"prediction": 0.5}))


def test_the_metric_s_own_direction_decides_what_is_certain():
    spec = uq(criterion=None, threshold=0.4)
    wanted = Uncertainty("margin", "classification", 2, threshold=0.9)
    margin = LearnerSpec(spec.name, spec.kind, spec.steps, 7, 3, None, wanted, spec.ensemble)
    states, reason = run(margin, FakeExecutor())
    assert len(states) == 1
    assert reason is StopReason.CRITERION_MET
    assert np.isclose(states[0].uncertainty, 1.0)


def test_the_user_s_own_uncertainty_task_measures_and_chooses():
    value = {"entropy": 0.3, "indices": [5, 2], "scores": [0.4, 0.2], "other": 7}
    executor = FakeExecutor({"uncertainty": value, "prediction": "anything"})
    wanted = Uncertainty("entropy", "", 0, threshold=None)
    spec = uq(max_iterations=2, criterion=None, uncertainty=step())
    states, _ = run(replace(spec, uncertainty=wanted), executor)
    assert executor.requests == []
    assert states[0].uncertainty == 0.3
    assert states[0].selected == (5, 2)
    assert states[0].selected_score == (0.4, 0.2)
    assert states[0].state == {"other": 7.0}
    simulations = [call.selection for call in executor.calls if call.id.stage == "simulation"]
    assert simulations == [None, "/published/u/0"]
    limited = replace(spec, uncertainty=Uncertainty("entropy", "", 1))
    assert run(limited, executor)[0][0].selected == (5,)


def test_an_own_uncertainty_may_be_a_number_only_and_stop_the_learner():
    executor = FakeExecutor({"uncertainty": lambda call: 1.0 - call.id.iteration})
    wanted = Uncertainty("my_uncertainty", "", 0, threshold=0.5)
    spec = uq(max_iterations=None, criterion=None, uncertainty=step())
    states, reason = run(replace(spec, uncertainty=wanted), executor)
    assert [state.uncertainty for state in states] == [1.0, 0.0]
    assert reason is StopReason.CRITERION_MET


@pytest.mark.parametrize(
    "value",
    [
        {"u": 1.0, "indices": [1, 1]},
        {"u": 1.0, "indices": [-1]},
        {"u": 1.0, "indices": "12"},
        {"u": 1.0, "indices": [1, 2], "scores": [1.0]},
        {"u": 1.0, "indices": [1.5]},
        {"indices": [1]},
    ],
)
def test_an_unusable_own_selection_is_an_error(value):
    spec = replace(uq(criterion=None, uncertainty=step()), uncertainty=Uncertainty("u", "", 0))
    with pytest.raises(ResultError, match=r"u\.0\.uncertainty\.0"):
        run(spec, FakeExecutor({"uncertainty": value}))


def test_the_order_in_which_models_end_changes_no_bit():
    metrics = {"m": 0.1, "n": 0.2, "o": 0.3}

    class Uneven(FakeExecutor):
        def __init__(self, slow):
            super().__init__({"criterion": lambda call: metrics[call.id.model]})
            self.slow = slow

        async def run_stage(self, calls):
            await asyncio.sleep(0.02 * self.slow.index(calls[0].id.model) if calls[0].id.model else 0)
            return await super().run_stage(calls)

    spec = uq(max_iterations=1, models=("m", "n", "o"))
    first, second = (run(spec, Uneven(slow))[0][0] for slow in ("mno", "nom"))
    assert first.metric == second.metric == (0.1 + 0.2 + 0.3) / 3
    assert list(first.model_metric) == list(second.model_metric) == ["m", "n", "o"]
