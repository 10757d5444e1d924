"""When a learner has learned enough."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from rose_mpi.errors import UsageError
from rose_mpi.learners.futures import Future
from rose_mpi.learners.spec import Criterion
from rose_mpi.metrics import OPERATORS, STANDARD_OPERATORS
from rose_mpi.nearest import did_you_mean


class Decision(NamedTuple):
    """Whether a criterion is met, which is also its truth value, and the metric."""

    stop: bool
    value: float

    def __bool__(self) -> bool:
        return self.stop


class PendingDecision(Future[Decision]):
    """A decision that must be awaited before it can be asked."""

    def __bool__(self) -> bool:
        raise TypeError(f"{self.what} is not known yet: write `await` in front of the call")


def criterion_of(metric_name: str, threshold: float, operator: str = "") -> Criterion:
    """A criterion; standard metrics have an operator of their own.

    Raises
    ------
    UsageError
        If the operator is unknown, a metric of the user's own has none, or the threshold is no number.
    """
    return Criterion(
        str(metric_name), number(threshold, f"threshold of {metric_name}"), operator_of(metric_name, operator)
    )


def operator_of(metric_name: str, operator: str) -> str:
    """The operator that is given, else the standard metric's own."""
    if operator and operator not in OPERATORS:
        raise UsageError(f"operator {operator!r} is unknown: it must be one of {' '.join(OPERATORS)}")
    if not operator and metric_name not in STANDARD_OPERATORS:
        raise UsageError(
            f"{metric_name!r} is no standard metric, so it needs an operator ({' '.join(OPERATORS)})"
            f"{did_you_mean(metric_name, STANDARD_OPERATORS)}"
        )
    return operator or STANDARD_OPERATORS[metric_name]


def number(value: Any, what: str) -> float:
    """``value`` as a finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise UsageError(f"{what} must be a finite number, not {value!r}")
    return found
