"""How the value that a task returned is read as a metric or as numbers of state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rose_mpi.errors import ResultError
from rose_mpi.uq.scores import Scores

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
    number = value.get(metric, value.get(METRIC_VALUE)) if isinstance(value, Mapping) else value
    if not _is_number(number):
        raise ResultError(
            f"{task} returned {_shortened(value)}: its result must be a number, "
            f'or JSON like {{"{metric}": 0.5}}'
        )
    if not math.isfinite(number):
        raise ResultError(f"{task} returned {metric} = {number}: it must be finite")
    return float(number)


def scores_of(value: Any, metric: str, task: str) -> Scores:
    """What a user's own uncertainty task measured, and chose if it says so.

    Parameters
    ----------
    value:
        A number, or a mapping that holds it under ``metric`` or ``"metric_value"``, and may hold the chosen
        candidates as lists ``indices`` (best first) and ``scores``.

    Raises
    ------
    ResultError
        If there is no such number, or the lists do not fit.
    """
    uncertainty = metric_of(value, metric, task)
    chosen = value if isinstance(value, Mapping) else {}
    indices, scores = chosen.get("indices", []), chosen.get("scores")
    if scores is None:
        scores = [uncertainty] * len(indices) if isinstance(indices, list) else []
    if not _are_candidates(indices) or not _are_numbers(scores) or len(indices) != len(scores):
        raise ResultError(
            f"{task} returned {_shortened(value)}: indices must be a list of different candidates, "
            f"and scores a list of as many numbers"
        )
    return Scores(
        indices=np.array(indices, np.int64),
        scores=np.array(scores, np.float64),
        uncertainty=uncertainty,
        pool_uncertainty=math.nan,
        candidates=0,
    )


def numbers_of(value: Any) -> dict[str, float]:
    """The finite numbers in a mapping that a task returned; empty for any other value."""
    if not isinstance(value, Mapping):
        return {}
    return {str(key): float(n) for key, n in value.items() if _is_number(n) and math.isfinite(n)}


def _are_candidates(value: Any) -> bool:
    return (
        isinstance(value, list)
        and all(
            isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 2**63 for index in value
        )
        and len(set(value)) == len(value)
    )


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shortened(value: Any, limit: int = 200) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
