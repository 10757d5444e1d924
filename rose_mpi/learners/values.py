"""How the value that a task returned is read as a metric or as numbers of state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from msgspec.structs import replace

from rose_mpi.errors import ResultError
from rose_mpi.execution.pickled import unpickled
from rose_mpi.nearest import did_you_mean
from rose_mpi.tasks import Pickled, TaskResult
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
    value = _python_value(value)
    number = value.get(metric, value.get(METRIC_VALUE)) if isinstance(value, Mapping) else value
    if isinstance(number, str):
        number = _number_in(number)
    if not _is_number(number):
        hint = did_you_mean(metric, value) if isinstance(value, Mapping) and metric not in value else ""
        raise ResultError(
            f"{task} returned {_shortened(value)}: its result must be a number, "
            f'or JSON like {{"{metric}": 0.5}}{hint}'
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
    value = _python_value(value)
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


def state_of(result: TaskResult) -> dict[str, Any]:
    """What a task made known by name: the mapping that it returned, and what it registered.

    Raises
    ------
    ResultError
        If that cannot be unpickled.
    """
    value = unpacked(result).value
    state = {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}
    if not result.registered:
        return state
    with _naming(result):
        registered: dict[str, Any] = unpickled(result.registered)
    return state | registered


def combined(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The states of several tasks as one: finite numbers of one name as their mean, else the last value."""
    found: dict[str, list[Any]] = {}
    for state in states:
        for name, value in state.items():
            found.setdefault(name, []).append(value)
    return {
        name: sum(values) / len(values) if len(values) > 1 and all(map(_is_finite, values)) else values[-1]
        for name, values in found.items()
    }


def unpacked(result: TaskResult) -> TaskResult:
    """The result with its value unpacked, if it is one that JSON cannot say.

    Raises
    ------
    ResultError
        If it cannot be.
    """
    if not isinstance(result.value, Pickled):
        return result
    with _naming(result):
        return replace(result, value=unpickled(result.value.data))


@contextmanager
def _naming(result: TaskResult) -> Iterator[None]:
    """Say whose result it is that cannot be used."""
    try:
        yield
    except ResultError as error:
        raise ResultError(f"task {result.id}: {error}") from error


def _python_value(value: Any) -> Any:
    return unpickled(value.data) if isinstance(value, Pickled) else value


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


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _number_in(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _shortened(value: Any, limit: int = 200) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
