"""Which numbers of a learner are written down, and by which names."""

import math

import pytest

from rose_mpi.trackers import PipelineManifest
from rose_mpi.trackers.numbers import configuration, number, parameters, prefix, scalars
from tests.unit.trackers.sample import HEARD, MANIFEST, UNHEARD, state


def test_numbers_by_their_own_names():
    assert scalars(state()) == {
        "mse": 0.5,
        "loss": 0.25,
        "labelled": 20.0,
        "config/training/learning_rate": 0.5,
        "config/training/batch": 32.0,
        "config/training/fast": 1.0,
    }


@pytest.mark.parametrize("key", UNHEARD)
def test_what_is_no_finite_number_is_left_out(key):
    assert number(UNHEARD[key]) is None


@pytest.mark.parametrize("key", HEARD)
def test_numpy_numbers_count(key):
    value = number(HEARD[key])
    assert (type(value), value) == (float, float(HEARD[key]))


def test_without_criterion_and_configuration_only_the_state_is_left():
    bare = state(metric=math.nan, metric_name=None, current_config=None, state={"a": 1})
    assert scalars(bare) == {"a": 1.0}


def test_a_metric_without_a_name_is_called_metric():
    assert scalars(state(metric_name=None, current_config=None, state={})) == {"metric": 0.5}


def test_an_ensemble_adds_its_uncertainty_and_its_models():
    found = scalars(
        state(uncertainty=0.2, pool_uncertainty=0.1, model_metric={"mc": 0.3}, state={}, current_config=None)
    )
    assert found == {"mse": 0.5, "uncertainty": 0.2, "pool_uncertainty": 0.1, "model/mc/mse": 0.3}


def test_the_configuration_is_that_of_the_iteration():
    assert configuration(state(3))["training"]["--learning_rate"] == "0.125"
    assert configuration(state(current_config=None)) == {}


@pytest.mark.parametrize(("learner", "expected"), [(None, ""), (0, "0/"), ("B", "B/")])
def test_parallel_learners_have_a_prefix(learner, expected):
    assert prefix(state(learner_id=learner)) == expected


def test_parameters_of_a_learner():
    assert parameters(MANIFEST, ".") == {
        "learner_type": "SequentialActiveLearner",
        "parallel_learners": 2,
        "criterion/metric_name": "mse",
        "criterion/threshold": 0.1,
        "criterion/operator": "<",
        "task.training.as_executable": True,
        "task.training.kernel": "rbf",
    }
    assert parameters(PipelineManifest("Custom"), "/") == {"learner_type": "Custom"}
