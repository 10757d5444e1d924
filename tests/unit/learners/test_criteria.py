import math
import re

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.learners.criteria import Decision, criterion_of
from rose_mpi.learners.spec import Criterion
from rose_mpi.metrics import MEAN_SQUARED_ERROR_MSE, MODEL_ACCURACY, LearningMetrics


@pytest.mark.parametrize(
    ("given", "criterion"),
    [
        ((MODEL_ACCURACY, 0.9), Criterion("model_accuracy", 0.9, ">=")),
        ((MEAN_SQUARED_ERROR_MSE, 0.1), Criterion("mean_squared_error_mse", 0.1, "<")),
        ((MEAN_SQUARED_ERROR_MSE, 1, ">="), Criterion("mean_squared_error_mse", 1.0, ">=")),
        (("reward", 200, ">"), Criterion("reward", 200.0, ">")),
        (("ratio", 1, "="), Criterion("ratio", 1.0, "=")),
        ((LearningMetrics.F1_SCORE, 0.5), Criterion("f1_score", 0.5, ">")),
    ],
)
def test_standard_metrics_have_an_operator_which_may_be_another(given, criterion):
    found = criterion_of(*given)
    assert found == criterion
    assert type(found.metric) is str


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("reward", 200), "'reward' is no standard metric, so it needs an operator"),
        (("model_acuracy", 0.9), "did you mean 'model_accuracy'"),
        (("reward", 200, "=>"), "operator '=>' is unknown: it must be one of < > = == <= >="),
        ((MODEL_ACCURACY, "high"), "threshold of model_accuracy must be a finite number, not 'high'"),
        ((MODEL_ACCURACY, math.nan), "must be a finite number"),
        ((MODEL_ACCURACY, None), "must be a finite number"),
    ],
)
def test_what_is_wrong_is_told(given, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        criterion_of(*given)


def test_a_decision_is_as_true_as_its_criterion_is_met():
    assert Decision(True, 0.0)
    assert not Decision(False, 1.0)
