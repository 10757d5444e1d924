"""The names that programs import, and what is good of each metric."""

import pytest

from rose_mpi import metrics
from rose_mpi.metrics import (
    MARGIN,
    MEAN_SQUARED_ERROR_MSE,
    MODEL_ACCURACY,
    OPERATORS,
    PREDICTIVE_ENTROPY,
    STANDARD_OPERATORS,
    LearningMetrics,
    compare,
    higher_is_better,
)
from rose_mpi.uq.registry import METRICS, RANDOM

CONSTANTS = {
    name: value for name, value in vars(metrics).items() if name.isupper() and isinstance(value, str)
}


def test_every_metric_has_an_operator_and_is_called_as_its_constant():
    named = {value: name for name, value in CONSTANTS.items() if not name.endswith("_THRESHOLD")}
    assert set(named) == set(STANDARD_OPERATORS)
    assert all(value == name.lower() for value, name in named.items())
    assert set(STANDARD_OPERATORS.values()) <= set(OPERATORS)


def test_the_namespace_holds_the_same_names():
    assert {member.name: member.value for member in LearningMetrics} == CONSTANTS
    assert LearningMetrics.MODEL_ACCURACY == MODEL_ACCURACY


@pytest.mark.parametrize(
    ("metric", "operator"),
    [
        (MODEL_ACCURACY, ">="),
        (LearningMetrics.MODEL_ACCURACY, ">="),
        (MEAN_SQUARED_ERROR_MSE, "<"),
        (PREDICTIVE_ENTROPY, "<"),
        (MARGIN, ">"),
        ("my_own", None),
    ],
)
def test_a_standard_metric_has_its_operator(metric, operator):
    assert LearningMetrics.get_operator(metric) == operator
    assert LearningMetrics.is_supported_metric(metric) == (operator is not None)


@pytest.mark.parametrize("metric", [metric for name, metric in METRICS.items() if name != RANDOM])
def test_certainty_is_good_in_the_direction_opposite_to_the_selection(metric):
    """What selects the smallest scores is certain when they are large, and the reverse."""
    assert higher_is_better(STANDARD_OPERATORS[metric.name]) is metric.minimise


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("<", (True, False, False)),
        ("<=", (True, True, False)),
        ("=", (False, True, False)),
        ("==", (False, True, False)),
        (">=", (False, True, True)),
        (">", (False, False, True)),
    ],
)
def test_compare(operator, holds):
    assert tuple(compare(value, operator, 0.5) for value in (0.4, 0.5, 0.6)) == holds
