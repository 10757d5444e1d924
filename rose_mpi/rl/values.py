"""Any one value as JSON text and back: arrays, NumPy numbers and tuples return as what they were."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NUMBERS: Final = "biufc"
"""Kinds of array that are kept: booleans, whole, real and complex numbers."""

_ARRAY: Final = "$array"
_NUMBER: Final = "$number"
_TUPLE: Final = "$tuple"
_DICT: Final = "$dict"
_AS_THEY_ARE: Final = frozenset({type(None), bool, int, float, str})


def text_of(value: Any) -> str:
    """A value as JSON text (with Python's ``NaN`` and ``Infinity``).

    Text, numbers, ``None``, arrays of numbers, and lists, tuples and dicts of these can be kept. A class
    of the user's own that derives from one of them comes back as the plain one.

    Raises
    ------
    TypeError
        If the value holds anything else.
    ValueError
        If a whole number has more digits than Python writes.
    RecursionError
        If it is nested too deeply, or holds itself.
    """
    return _ENCODER.encode(_plain(value))


def value_of(text: str) -> Any:
    """The value whose text :func:`text_of` gave.

    Raises
    ------
    ValueError
        If the text is no such JSON.
    """
    return _DECODER.decode(text)


def _plain(value: Any) -> Any:
    """What JSON can say in place of a value."""
    if type(value) in _AS_THEY_ARE:
        return value
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__}")


def _plain_list(value: list[Any]) -> list[Any]:
    return [_plain(item) for item in value]


def _plain_tuple(value: tuple[Any, ...]) -> dict[str, Any]:
    return {_TUPLE: [_plain(item) for item in value]}


def _plain_dict(value: dict[Any, Any]) -> dict[str, Any]:
    """A dict as it is, or as pairs where JSON would change its keys or take it for a mark."""
    marked = len(value) == 1 and next(iter(value)) in _RESTORE
    if marked or any(type(key) is not str for key in value):
        return {_DICT: [[_plain(key), _plain(item)] for key, item in value.items()]}
    return {key: _plain(item) for key, item in value.items()}


def _plain_array(value: NDArray[Any] | np.generic) -> dict[str, Any]:
    if value.dtype.kind not in NUMBERS:
        raise TypeError(f"an array of type {value.dtype}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("a masked array")
    content = base64.b64encode(value.tobytes()).decode("ascii")
    if isinstance(value, np.generic):
        return {_NUMBER: [value.dtype.str, content]}
    return {_ARRAY: [value.dtype.str, content, list(value.shape)]}


def _array(content: list[Any]) -> NDArray[Any]:
    dtype, data, shape = content
    return np.frombuffer(bytearray(base64.b64decode(data)), dtype).reshape(shape)


def _number(content: list[Any]) -> np.generic:
    dtype, data = content
    number: np.generic = np.frombuffer(base64.b64decode(data), dtype)[0]
    return number


# NumPy's numbers come before Python's, from which some of them derive.
_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    list: _plain_list,
    tuple: _plain_tuple,
    dict: _plain_dict,
    str: str.__str__,
    np.ndarray: _plain_array,
    np.generic: _plain_array,
    int: int,
    float: float,
}
_RESTORE: Final[dict[str, Callable[[list[Any]], Any]]] = {
    _ARRAY: _array,
    _NUMBER: _number,
    _TUPLE: tuple,
    _DICT: dict,
}


def _restored(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        ((mark, content),) = value.items()
        if mark in _RESTORE:
            return _RESTORE[mark](content)
    return value


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_DECODER: Final = json.JSONDecoder(object_hook=_restored)
