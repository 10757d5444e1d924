"""Python functions that travel with their arguments, and the values they return."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle
import numpy as np

from rose_mpi.errors import ResultError, UsageError
from rose_mpi.execution.values import plain_value
from rose_mpi.tasks import FileArray, Pickled, RankArray


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


def sendable_value(value: Any) -> Any:
    """What a function returned, as a JSON value where that loses nothing, else pickled.

    Raises
    ------
    ResultError
        If it can neither be said in JSON nor pickled.
    """
    if not _holds_tuple(value):
        try:
            return plain_value(value)
        except (ResultError, RecursionError):
            pass
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
    """
    if isinstance(value, Pickled):
        return pickle.loads(value.data)
    if isinstance(value, RankArray):
        return None
    if not isinstance(value, FileArray):
        return value
    loaded = np.load(value.path, allow_pickle=False, mmap_mode="r" if mapped else None)
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
