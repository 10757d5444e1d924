"""Python functions that travel with their arguments, and the values they return."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal

import cloudpickle
import numpy as np

from rose_mpi.errors import ResultError, UsageError
from rose_mpi.execution.values import plain_value
from rose_mpi.tasks import FileArray, Pickled, RankArray

LONGEST_HEADER: Final = 1 << 24
"""Bytes of what an ``.npy`` file says of its array: thousands of named fields, at most."""


def pickled_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """A call as bytes that any rank of this job can run.

    Raises
    ------
    UsageError
        If the function or an argument cannot be pickled; the message says which.
    """
    try:
        return bytes(cloudpickle.dumps((function, args, dict(kwargs))))
    except Exception as error:
        raise UsageError(f"{_culprit(function, args, kwargs)} cannot be sent to a rank: {error}") from error


def unpickled_call(data: bytes) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Function, positional and keyword arguments; arrays in files are loaded, pickled values unpacked."""
    function, args, kwargs = pickle.loads(data)
    return function, tuple(python_value(arg, mapped=False) for arg in args), kwargs


def unpickled(data: bytes) -> Any:
    """What a function returned or registered, pickled where it ran.

    Raises
    ------
    ResultError
        If it cannot be unpacked here.
    """
    try:
        return pickle.loads(data)
    except Exception as error:
        raise ResultError(f"its result cannot be unpickled: {type(error).__name__}: {error}") from error


def sendable_value(value: Any) -> Any:
    """What a function returned, as a JSON value where that loses nothing, else pickled.

    Raises
    ------
    ResultError
        If it can neither be said in JSON nor pickled.
    """
    with suppress(ResultError, RecursionError):  # it is no JSON, or deeply nested
        if not _holds_tuple(value):
            return plain_value(value)
    try:
        return Pickled(cloudpickle.dumps(value))
    except Exception as error:
        raise ResultError(
            f"the function returned a value of type {type(value).__name__}, which cannot be pickled: {error}"
        ) from error


def python_value(value: Any, *, mapped: bool = True) -> Any:
    """The value of a task as a Python program sees it: arrays are there, pickled values unpacked.

    Arrays that stay in the memory of a rank are ``None`` here.

    Parameters
    ----------
    mapped:
        Map arrays in ``.npy`` files into memory, read-only, in place of reading them.

    Raises
    ------
    ResultError
        If a pickled value cannot be unpacked.
    """
    if isinstance(value, Pickled):
        return unpickled(value.data)
    if isinstance(value, RankArray):
        return None
    if not isinstance(value, FileArray):
        return value
    mode: Literal["r"] | None = "r" if mapped else None
    loaded = np.load(value.path, allow_pickle=False, mmap_mode=mode, max_header_size=LONGEST_HEADER)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        return dict(loaded)


def _holds_tuple(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_tuple, value.values()))
    return isinstance(value, tuple) or (isinstance(value, list) and any(map(_holds_tuple, value)))


def _culprit(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    name = getattr(function, "__qualname__", repr(function))
    parts = {f"argument {number} of {name}": arg for number, arg in enumerate(args)}
    parts |= {f"argument {key!r} of {name}": arg for key, arg in kwargs.items()}
    for part, value in parts.items():
        try:
            cloudpickle.dumps(value)
        except Exception:
            return part
    return f"the function {name}"
