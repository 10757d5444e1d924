import asyncio
import json
import math
from dataclasses import replace

import pytest

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.events import StopReason
from rose_mpi.learners.configs import LearnerConfig, TaskConfig, UQLearnerConfig
from rose_mpi.learners.uncertain import ParallelUQLearner, SeqUQLearner
from rose_mpi.metrics import LearningMetrics
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor

MODELS = ["mlp", "forest"]


def accuracy(call):
    return {"mlp": 0.95, "forest": 0.5}[call.id.model]


def with_tasks(learner, measure="predictive_entropy", *, criterion=True, **options):
    learner.simulation_task(lambda *args: "sim")
    learner.training_task(lambda *args, **kwargs: f"train {kwargs['--model_name']}")
    learner.prediction_task(lambda *args: "predict")
    learner.active_learn_task(lambda *args: "select")
    if criterion:
        learner.as_stop_criterion("model_accuracy", 0.9)(lambda *args: "check")
    if measure:
        learner.uncertainty_quantification(measure, **options)
    return learner


def sequential(*args, executor=None, **options):
    engine = FakeEngine(executor or FakeExecutor({"criterion": accuracy}))
    return with_tasks(SeqUQLearner(engine), *args, **options)


def parallel(*args, executor=None, **options):
    engine = FakeEngine(executor or FakeExecutor({"criterion": accuracy}))
    return with_tasks(ParallelUQLearner(engine), *args, **options)


def options(learner, stage):
    return [
        " ".join((call.work.executable, *call.work.arguments))
        for call in learner.engine.executor.calls
        if call.id.stage == stage
    ]


def test_tasks_are_told_the_model_and_the_number_of_the_prediction():
    learner = sequential()
    learner.teach(MODELS, num_predictions=2, max_iter=1)
    assert sorted(options(learner, "training")) == [
        "train forest --model_name forest",
        "train mlp --model_name mlp",
    ]
    assert sorted(options(learner, "prediction")) == [
        f"predict --model_name {model} --iteration {number}"
        for model in sorted(MODELS)
        for number in range(2)
    ]
    assert sorted(options(learner, "criterion")) == [
        "check --model_name forest",
        "check --model_name mlp",
    ]
    assert options(learner, "simulation") == ["sim"]


def test_the_ranks_measure_where_no_function_is_decorated():
    learner = sequential(LearningMetrics.MARGIN, query_size=3.0, targets="y.npy")
    states = list(learner.start(MODELS, max_iter=2))
    request = learner.engine.executor.requests[0]
    assert (request.metric, type(request.metric), request.task_type) == ("margin", str, "classification")
    assert (request.query_size, type(request.query_size)) == (3, int)
    assert request.targets.path.startswith("/")
    assert [(member.model, member.index) for member in request.members] == [("mlp", 0), ("forest", 0)]
    assert [state.selected for state in states] == [(0, 1), (2, 3)]
    assert learner.get_uncertainty_results() == {0: 1.0, 1: 0.5}
    assert learner.get_metric_results() == {0: pytest.approx(0.725), 1: pytest.approx(0.725)}


def test_a_decorated_function_s_task_measures_and_chooses():
    found = {"predictive_entropy": 0.4, "indices": list(range(20, 40))}
    learner = sequential(
        None, executor=FakeExecutor({"criterion": accuracy, "prediction": "p", "uncertainty": found})
    )

    @learner.uncertainty_quantification("predictive_entropy", query_size=10)
    async def measure(*args):
        return "measure"

    state = learner.teach(
        MODELS, max_iter=1, learning_config=UQLearnerConfig(uncertainty=TaskConfig(kwargs={"--k": 1}))
    )
    assert options(learner, "uncertainty") == ["measure --k 1"]
    assert state.uncertainty == 0.4
    assert state.selected == tuple(range(20, 30))
    assert learner.engine.executor.requests == []


def test_a_measuring_task_may_begin_where_the_predictions_are_there():
    learner = sequential(None, executor=FakeExecutor({"criterion": accuracy, "uncertainty": 0.5}))
    learner.uncertainty_quantification("own", query_size=0.5)(lambda *args: "measure")
    learner.teach(MODELS, max_iter=1, skip_pre_loop=True)
    stages = [stage for _, stage, _ in learner.engine.executor.stages()]
    assert sorted(stages) == ["active_learn", "criterion", "criterion", "uncertainty"]


@pytest.mark.parametrize(
    ("metric", "threshold", "operator", "iterations"),
    [
        ("predictive_entropy", 0.4, "", 3),
        ("predictive_entropy", 0.4, ">", 1),
        ("margin", 0.9, "", 1),
        ("margin", 0.4, "<", 3),
    ],
)
def test_a_threshold_stops_in_the_metric_s_direction_or_by_the_operator(
    metric, threshold, operator, iterations
):
    learner = sequential(metric, criterion=False, threshold=threshold, operator=operator)
    states = list(learner.start(MODELS))
    assert len(states) == iterations
    assert learner.engine.finished()["learner-0"].stop_reason is StopReason.CRITERION_MET


def test_parallel_learners_have_names_and_give_their_results_by_name():
    learner = parallel()
    configs = {"b": LearnerConfig(simulation=TaskConfig(kwargs={"--n": 2}))}
    results = learner.teach(["a", "b"], MODELS, max_iter=2, learner_configs=configs)
    assert list(results) == ["a", "b"]
    assert json.loads(json.dumps(results, allow_nan=False))["b"] == results["b"]
    assert results["a"]["learner_id"] == "a"
    assert results["a"]["model_metric"] == {"mlp": 0.95, "forest": 0.5}
    assert sorted(options(learner, "simulation")) == ["sim", "sim", "sim --n 2", "sim --n 2"]
    assert learner.get_uncertainty_results() == {"a": {0: 1.0, 1: 0.5}, "b": {0: 1.0, 1: 0.5}}


def test_in_an_event_loop_teach_gives_a_future():
    async def main():
        return await parallel().teach(["a"], MODELS, max_iter=1)

    assert asyncio.run(main())["a"]["iteration"] == 0


def teach(*args, models=MODELS, **given):
    learner_options = {
        key: given.pop(key) for key in list(given) if key in ("criterion", "threshold", "query_size")
    }
    more = {key: given.pop(key) for key in list(given) if key in ("operator", "pool", "task_type", "targets")}
    return lambda: sequential(*args, **learner_options, **more).teach(models, **{"max_iter": 1, **given})


def teach_parallel(names=("a",), **given):
    return lambda: parallel().teach(names, **{"model_names": MODELS, "max_iter": 1, **given})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (teach(None), "SeqUQLearner measures no uncertainty: call"),
        (teach("predictive_entropi"), "no metric is called 'predictive_entropi'; did you mean"),
        (teach(operator="=>"), "operator '=>' is unknown"),
        (teach(pool="other"), "pool must be 'fixed' or 'changing', not 'other'"),
        (teach(query_size=0), "query_size must be a whole number or a fraction below 1, not 0"),
        (teach(query_size=1.5), "query_size must be a whole number or a fraction below 1, not 1.5"),
        (teach(query_size=True), "query_size must be a whole number"),
        (teach(query_size="many"), "query_size must be a finite number, not 'many'"),
        (teach(query_size=math.nan), "query_size must be a finite number"),
        (teach(threshold="low"), "threshold of the uncertainty must be a finite number"),
        (teach("margin", task_type="regression"), "'margin' is for classification predictions"),
        (teach("negative_log_likelihood"), "compares with true values: give targets"),
        (teach("random"), "'random' is for several kinds: give task_type"),
        (teach(models="mlp"), "model_names must be a list of names, not 'mlp'"),
        (teach(models=[]), "model_names must not be empty"),
        (teach(models=["a", "a"]), "model_names names 'a' more than once"),
        (teach(models=["a/b"]), "'a/b' is no name: up to 100 letters"),
        (teach(num_predictions=0), "num_predictions must be a whole number from 1 on, not 0"),
        (teach(skip_pre_loop=True), "skip_pre_loop skips the predictions"),
        (teach(criterion=False, max_iter=0), "has no way to stop"),
        (teach_parallel("ab"), "learner_names must be a list of names, not 'ab'"),
        (teach_parallel(["a", "a"]), "learner_names names 'a' more than once"),
        (teach_parallel([".."]), r"'\.\.' is no name"),
        (teach_parallel(learner_configs={"b": None}), "no learner is called 'b'; there are a"),
        (teach_parallel(learner_configs=[None]), "learner_configs must be a dictionary by learner"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_training_and_prediction_are_needed():
    learner = SeqUQLearner(FakeEngine())
    learner.training_task(lambda: "train")
    with pytest.raises(UsageError, match="has no prediction task"):
        learner.start(MODELS, max_iter=1)


def acquiring(returned, measure="expected_improvement", **options):
    executor = FakeExecutor({"criterion": accuracy, "simulation": returned})
    return sequential(measure, executor=executor, **options)


def asked_for(learner, iterations=3):
    learner.teach(MODELS, max_iter=iterations)
    return [request.parameters for request in learner.engine.executor.requests]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [3.0, 1.0, 1.0]),
        ({"maximise": True}, [3.0, 3.0, 3.0]),
        ({"best": "energy"}, [-3.0, -3.0, -3.0]),
        ({"best": "energy", "maximise": True}, [-3.0, -1.0, -1.0]),
        ({"best": 7.5}, [7.5, 7.5, 7.5]),
    ],
)
def test_the_best_value_is_that_of_all_iterations_so_far(options, expected):
    values = iter([3.0, 1.0, 2.0])

    def returned(call):
        value = next(values)
        return {"best": value, "energy": -value}

    learner = acquiring(returned, parameters={"xi": 0.1, **options})
    asked = asked_for(learner)
    assert [parameters["best"] for parameters in asked] == expected
    assert all(parameters["xi"] == 0.1 for parameters in asked)


def test_a_best_value_that_no_task_returns_is_told():
    with pytest.raises(ScoreError, match="no task has returned a number 'best'"):
        asked_for(acquiring({"lowest": 3.0}))


def test_batch_and_features_are_asked_for():
    learner = sequential("margin", batch="diverse", features="x.npy", parameters={"weight": 0.3})
    learner.teach(MODELS, max_iter=1)
    request = learner.engine.executor.requests[0]
    assert (request.batch, request.parameters) == ("diverse", {"weight": 0.3})
    assert request.features.path.startswith("/")


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("margin", {"batch": "diverse"}, "give features, a .npy file"),
        ("margin", {"batch": "power"}, "the best margin is small"),
        ("margin", {"batch": "divers"}, "did you mean 'diverse'"),
        ("margin", {"parameters": {"kappa": 1}}, "has no parameter 'kappa'"),
        ("expected_improvement", {"parameters": {"xi": "small"}}, "xi is 'small'"),
        ("expected_improvement", {"parameters": {"maximise": 3}}, "must be true or false"),
    ],
)
def test_choices_that_do_not_fit_are_told(metric, options, message):
    with pytest.raises(UsageError, match=message):
        sequential(metric, **options).teach(MODELS, max_iter=1)


def test_the_calibration_becomes_state():
    class Calibrated(FakeExecutor):
        async def score(self, request):
            return replace(await super().score(request), calibration={"coverage_90": 0.8 - request.iteration})

    learner = sequential("random", task_type="regression", executor=Calibrated({"criterion": accuracy}))
    states = list(learner.start(MODELS, max_iter=2))
    assert [state.coverage_90 for state in states] == [0.8, pytest.approx(-0.2)]
