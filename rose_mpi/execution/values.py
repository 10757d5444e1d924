"""Which values may be the result of a task: JSON values within bounds."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

from rose_mpi.errors import ResultError

LARGEST_JSON = 4 << 20
"""Bytes of a JSON result; more belongs into ``.npy`` or ``.npz``."""
_DEEPEST = 100


def json_value(text: str | bytes) -> Any:
    """The value that a JSON text stands for.

    Raises
    ------
    ResultError
        If it holds NaN or infinity, an integer beyond 64 bits, or is nested too deeply.
    ValueError
        If it is no JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    return plain_value(value)


def plain_value(value: Any) -> Any:
    """The value as a JSON value: NumPy scalars become Python's, tuples become lists.

    Raises
    ------
    ResultError
        If it is none, or out of bounds.
    """
    return _plain(value, 0)


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if depth > _DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    return _number(value)


def _number(value: Any) -> Any:
    if isinstance(value, numbers.Integral):
        integer = int(value)
        if not -(2**63) <= integer < 2**63:
            raise ResultError("the result holds an integer of more than 64 bits; give it as text")
        return integer
    if isinstance(value, numbers.Real):
        number = float(value)
        if not math.isfinite(number):
            raise ResultError(f"the result holds {number}; numbers must be finite (use null for none)")
        return number
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return _plain(value.item(), _DEEPEST)
    raise ResultError(
        f"a value of type {type(value).__name__} cannot be a result; allowed are numbers, text, None, "
        f"lists and dictionaries of these, and a NumPy array by itself"
    )


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ResultError("the result holds text that is no valid Unicode (a lone surrogate)") from None
    return str(text)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ResultError(f"the key {key!r} of a dictionary in the result is no text")
    return _text(key)


def _too_deep() -> ResultError:
    return ResultError(f"the result is nested deeper than {_DEEPEST} levels")
