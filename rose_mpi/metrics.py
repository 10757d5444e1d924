"""The names of standard metrics and the direction in which each one is good."""

from __future__ import annotations

import operator as _operator
from collections.abc import Callable
from enum import StrEnum, auto
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

PREDICTIVE_ENTROPY: Final = "predictive_entropy"
MUTUAL_INFORMATION: Final = "mutual_information"
VARIATION_RATIO: Final = "variation_ratio"
MARGIN: Final = "margin"
LEAST_CONFIDENCE: Final = "least_confidence"
VOTE_ENTROPY: Final = "vote_entropy"
AVERAGE_KL: Final = "average_kl"
PREDICTIVE_VARIANCE: Final = "predictive_variance"
PREDICTIVE_STD: Final = "predictive_std"
PREDICTIVE_INTERVAL_WIDTH: Final = "predictive_interval_width"
NEGATIVE_LOG_LIKELIHOOD: Final = "negative_log_likelihood"
CRPS: Final = "crps"
EXPECTED_IMPROVEMENT: Final = "expected_improvement"
PROBABILITY_OF_IMPROVEMENT: Final = "probability_of_improvement"
UPPER_CONFIDENCE_BOUND: Final = "upper_confidence_bound"
THOMPSON: Final = "thompson"

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
    MARGIN,
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
    PREDICTIVE_ENTROPY,
    MUTUAL_INFORMATION,
    VARIATION_RATIO,
    LEAST_CONFIDENCE,
    VOTE_ENTROPY,
    AVERAGE_KL,
    PREDICTIVE_VARIANCE,
    PREDICTIVE_STD,
    PREDICTIVE_INTERVAL_WIDTH,
    NEGATIVE_LOG_LIKELIHOOD,
    CRPS,
    EXPECTED_IMPROVEMENT,
    PROBABILITY_OF_IMPROVEMENT,
    UPPER_CONFIDENCE_BOUND,
    THOMPSON,
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


class LearningMetrics(StrEnum):
    """The standard metrics and the operators as one namespace; each member is its name's text."""

    MODEL_ACCURACY = auto()
    QUERY_EFFICIENCY = auto()
    LABELING_COST = auto()
    DIVERSITY_OF_SELECTED_SAMPLES = auto()
    UNCERTAINTY = auto()
    QUERY_REDUCTION = auto()
    AREA_UNDER_LEARNING_CURVE_AUC = auto()
    EXPECTED_MODEL_IMPROVEMENT_EMI = auto()
    SAMPLING_BIAS = auto()
    PREDICTION_CONFIDENCE = auto()
    CLASS_DISTRIBUTION_SHIFT = auto()
    CUMULATIVE_ERROR_REDUCTION = auto()
    QUERY_SELECTION_STRATEGY_PERFORMANCE = auto()
    NUMBER_OF_ITERATIONS = auto()
    F1_SCORE = auto()
    PRECISION = auto()
    RECALL = auto()
    INFORMATION_GAIN = auto()
    TIME_TO_CONVERGENCE = auto()
    MODEL_COMPLEXITY = auto()
    DATA_LABELING_REDUNDANCY = auto()
    GENERALIZATION_ERROR = auto()
    LEARNING_RATE = auto()
    TRAINING_TIME = auto()
    CONFIDENCE_INTERVAL_WIDTH = auto()
    OVERFITTING = auto()
    ACTIVE_LEARNING_EFFICIENCY = auto()
    EXPLORATION_VS_EXPLOITATION = auto()
    MEAN_SQUARED_ERROR_MSE = auto()
    PREDICTIVE_ENTROPY = auto()
    MUTUAL_INFORMATION = auto()
    VARIATION_RATIO = auto()
    MARGIN = auto()
    LEAST_CONFIDENCE = auto()
    VOTE_ENTROPY = auto()
    AVERAGE_KL = auto()
    PREDICTIVE_VARIANCE = auto()
    PREDICTIVE_STD = auto()
    PREDICTIVE_INTERVAL_WIDTH = auto()
    NEGATIVE_LOG_LIKELIHOOD = auto()
    CRPS = auto()
    EXPECTED_IMPROVEMENT = auto()
    PROBABILITY_OF_IMPROVEMENT = auto()
    UPPER_CONFIDENCE_BOUND = auto()
    THOMPSON = auto()

    LESS_THAN_THRESHOLD = "<"
    GREATER_THAN_THRESHOLD = ">"
    EQUAL_TO_THRESHOLD = "="
    LESS_THAN_OR_EQUAL_TO_THRESHOLD = "<="
    GREATER_THAN_OR_EQUAL_TO_THRESHOLD = ">="

    @classmethod
    def is_supported_metric(cls, metric: str) -> bool:
        """Whether ``metric`` is a standard one, which has an operator of its own."""
        return metric in STANDARD_OPERATORS

    @classmethod
    def get_operator(cls, metric: str) -> str | None:
        """The operator of a standard metric; ``None`` for any other."""
        return STANDARD_OPERATORS.get(metric)
