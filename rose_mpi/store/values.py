"""The value that a task returned, as JSON text and back."""

from __future__ import annotations

import json
import pickle
from typing import Any, Final

import numpy as np

from rose_mpi.tasks import FileArray, RankArray

NOT_KEPT: Final = ""
UNSAYABLE: Final = "null"
_WRAPPED: Final = "value"
_MARKS: Final = (frozenset({"file"}), frozenset({"rank", "key"}), frozenset({_WRAPPED}))


def text_of(value: Any) -> str:
    """A value as JSON text (with Python's ``NaN`` and ``Infinity``).

    A :class:`FileArray` becomes ``{"file": path}``, a :class:`RankArray` ``{"rank": …, "key": …}``. An
    object of the task's own that has just these keys is wrapped as ``{"value": object}``, so that the
    two are never confused. What JSON cannot say gives :data:`NOT_KEPT`.
    """
    if isinstance(value, FileArray):
        return json.dumps({"file": value.path})
    if isinstance(value, RankArray):
        return json.dumps({"rank": value.rank, "key": value.key})
    if isinstance(value, dict) and value.keys() in _MARKS:
        value = {_WRAPPED: value}
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError, RecursionError):
        return NOT_KEPT


def value_of(text: str) -> Any:
    """The value whose text :func:`text_of` gave.

    Raises
    ------
    ValueError
        If the text is no JSON, as :data:`NOT_KEPT` is none.
    """
    value = json.loads(text)
    if not isinstance(value, dict) or value.keys() not in _MARKS:
        return value
    if _WRAPPED in value:
        return value[_WRAPPED]
    return FileArray(value["file"]) if "file" in value else RankArray(**value)


def registered_text(pickled: bytes) -> str:
    """State that a task registered, as a rank of this job pickled it, as JSON text.

    Empty where there is none; :data:`UNSAYABLE` where JSON cannot say it without a change.
    """
    if not pickled:
        return ""
    try:
        state = pickle.loads(pickled)
        return _JSON.encode(state) if _is_sayable(state) else UNSAYABLE
    except Exception:  # what the learner is told that cannot use it
        return UNSAYABLE


def _is_sayable(value: Any) -> bool:
    """Whether JSON gives the same value back; NumPy's numbers count as Python's."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_sayable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_sayable, value))
    return value is None or isinstance(value, bool | int | float | str | np.bool_ | np.number)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


_JSON: Final = json.JSONEncoder(default=_plain)
