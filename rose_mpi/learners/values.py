"""How the value that a task returned is read as a metric or as numbers of state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rose_mpi.errors import ResultError

METRIC_VALUE = "metric_value"


def metric_of(value: Any, metric: str, task: str) -> float:
    """The stop metric that a criterion task returned.

    Parameters
    ----------
    value:
        A number, or a mapping that holds it under ``metric`` or ``"metric_value"``.

    Raises
    ------
    ResultError
        If there is no such number or it is not finite.
    """
    number = value
    if isinstance(value, Mapping):
        number = value.get(metric, value.get(METRIC_VALUE))
    if not _is_number(number):
        raise ResultError(
            f"{task} returned {_shortened(value)}: its result must be a number, "
            f'or JSON like {{"{metric}": 0.5}}'
        )
    if not math.isfinite(number):
        raise ResultError(f"{task} returned {metric} = {number}: it must be finite")
    return float(number)


def numbers_of(value: Any) -> dict[str, float]:
    """The finite numbers in a mapping that a task returned; empty for any other value."""
    if not isinstance(value, Mapping):
        return {}
    return {str(key): float(n) for key, n in value.items() if _is_number(n) and math.isfinite(n)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shortened(value: Any, limit: int = 200) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
