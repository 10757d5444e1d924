"""The names of standard stop metrics and the direction in which each one is good."""

from __future__ import annotations

import operator as _operator
from collections.abc import Callable
from typing import Final

LESS_THAN_THRESHOLD: Final = "<"
GREATER_THAN_THRESHOLD: Final = ">"
EQUAL_TO_THRESHOLD: Final = "="
LESS_THAN_OR_EQUAL_TO_THRESHOLD: Final = "<="
GREATER_THAN_OR_EQUAL_TO_THRESHOLD: Final = ">="

MODEL_ACCURACY: Final = "model_accuracy"
QUERY_EFFICIENCY: Final = "query_efficiency"
LABELING_COST: Final = "labeling_cost"
DIVERSITY_OF_SELECTED_SAMPLES: Final = "diversity_of_selected_samples"
UNCERTAINTY: Final = "uncertainty"
QUERY_REDUCTION: Final = "query_reduction"
AREA_UNDER_LEARNING_CURVE_AUC: Final = "area_under_learning_curve_auc"
EXPECTED_MODEL_IMPROVEMENT_EMI: Final = "expected_model_improvement_emi"
SAMPLING_BIAS: Final = "sampling_bias"
PREDICTION_CONFIDENCE: Final = "prediction_confidence"
CLASS_DISTRIBUTION_SHIFT: Final = "class_distribution_shift"
CUMULATIVE_ERROR_REDUCTION: Final = "cumulative_error_reduction"
QUERY_SELECTION_STRATEGY_PERFORMANCE: Final = "query_selection_strategy_performance"
NUMBER_OF_ITERATIONS: Final = "number_of_iterations"
F1_SCORE: Final = "f1_score"
PRECISION: Final = "precision"
RECALL: Final = "recall"
INFORMATION_GAIN: Final = "information_gain"
TIME_TO_CONVERGENCE: Final = "time_to_convergence"
MODEL_COMPLEXITY: Final = "model_complexity"
DATA_LABELING_REDUNDANCY: Final = "data_labeling_redundancy"
GENERALIZATION_ERROR: Final = "generalization_error"
LEARNING_RATE: Final = "learning_rate"
TRAINING_TIME: Final = "training_time"
CONFIDENCE_INTERVAL_WIDTH: Final = "confidence_interval_width"
OVERFITTING: Final = "overfitting"
ACTIVE_LEARNING_EFFICIENCY: Final = "active_learning_efficiency"
EXPLORATION_VS_EXPLOITATION: Final = "exploration_vs_exploitation"
MEAN_SQUARED_ERROR_MSE: Final = "mean_squared_error_mse"

_HIGHER_IS_BETTER = (
    QUERY_EFFICIENCY,
    DIVERSITY_OF_SELECTED_SAMPLES,
    QUERY_REDUCTION,
    AREA_UNDER_LEARNING_CURVE_AUC,
    EXPECTED_MODEL_IMPROVEMENT_EMI,
    PREDICTION_CONFIDENCE,
    CUMULATIVE_ERROR_REDUCTION,
    QUERY_SELECTION_STRATEGY_PERFORMANCE,
    F1_SCORE,
    PRECISION,
    RECALL,
    INFORMATION_GAIN,
    ACTIVE_LEARNING_EFFICIENCY,
    EXPLORATION_VS_EXPLOITATION,
)
_LOWER_IS_BETTER = (
    LABELING_COST,
    UNCERTAINTY,
    SAMPLING_BIAS,
    CLASS_DISTRIBUTION_SHIFT,
    NUMBER_OF_ITERATIONS,
    TIME_TO_CONVERGENCE,
    MODEL_COMPLEXITY,
    DATA_LABELING_REDUNDANCY,
    GENERALIZATION_ERROR,
    LEARNING_RATE,
    TRAINING_TIME,
    CONFIDENCE_INTERVAL_WIDTH,
    OVERFITTING,
    MEAN_SQUARED_ERROR_MSE,
)

STANDARD_OPERATORS: Final[dict[str, str]] = {
    MODEL_ACCURACY: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    **dict.fromkeys(_HIGHER_IS_BETTER, GREATER_THAN_THRESHOLD),
    **dict.fromkeys(_LOWER_IS_BETTER, LESS_THAN_THRESHOLD),
}

_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    LESS_THAN_THRESHOLD: _operator.lt,
    GREATER_THAN_THRESHOLD: _operator.gt,
    EQUAL_TO_THRESHOLD: _operator.eq,
    "==": _operator.eq,
    LESS_THAN_OR_EQUAL_TO_THRESHOLD: _operator.le,
    GREATER_THAN_OR_EQUAL_TO_THRESHOLD: _operator.ge,
}

OPERATORS: Final = tuple(_COMPARISONS)


def compare(value: float, operator: str, threshold: float) -> bool:
    """Whether ``value operator threshold`` holds.

    Raises
    ------
    KeyError
        If ``operator`` is none of :data:`OPERATORS`.
    """
    return _COMPARISONS[operator](value, threshold)


def higher_is_better(operator: str) -> bool | None:
    """The direction an operator asks for; ``None`` for equality, which has none."""
    if operator in (GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD):
        return True
    if operator in (LESS_THAN_THRESHOLD, LESS_THAN_OR_EQUAL_TO_THRESHOLD):
        return False
    return None
