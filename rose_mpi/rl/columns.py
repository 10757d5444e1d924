"""One field of many experiences as one array, and back: types and shapes return exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.errors import UsageError
from rose_mpi.rl.values import NUMBERS, text_of, value_of

_PYTHON_TYPES: Final = {bool: np.dtype(np.bool_), int: np.dtype(np.int64), float: np.dtype(np.float64)}


class ColumnKind(StrEnum):
    """What the items of a column are."""

    PYTHON = "python"
    """Python's own ``bool``, ``int`` or ``float``, all of one type. ``[n]``"""
    NUMBERS = "numbers"
    """NumPy numbers of one type. ``[n]``"""
    ARRAYS = "arrays"
    """Arrays of one type and shape. ``[n, *shape]``"""
    JSON = "json"
    """Anything else, as one JSON list. uint8 ``[bytes]``"""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of ``n`` experiences."""

    kind: ColumnKind
    data: NDArray[Any]


def column_of(field: str, values: Sequence[Any]) -> Column:
    """Pack the values of one field.

    Raises
    ------
    UsageError
        If one can be neither an array's item nor JSON; names the experience and the field.
    """
    types = set(map(type, values))
    if len(types) == 1:
        (kind,) = types
        if kind in _PYTHON_TYPES:
            return _python_numbers(field, values, _PYTHON_TYPES[kind])
        if kind is np.ndarray or issubclass(kind, np.generic):
            return _arrays(field, values)
    return _json(field, values)


def items_of(column: Column) -> list[Any]:
    """The values that :func:`column_of` packed.

    Raises
    ------
    ValueError
        If the column is damaged.
    """
    match column.kind:
        case ColumnKind.JSON:
            items: list[Any] = value_of(column.data.tobytes().decode("ascii"))
        case ColumnKind.PYTHON:
            items = column.data.tolist()
        case ColumnKind.NUMBERS | ColumnKind.ARRAYS:
            items = list(column.data)
    return items


def _python_numbers(field: str, values: Sequence[Any], dtype: np.dtype[Any]) -> Column:
    try:
        return Column(ColumnKind.PYTHON, np.array(values, dtype))
    except OverflowError:
        return _json(field, values)


def _arrays(field: str, values: Sequence[Any]) -> Column:
    """One array of all, unless they differ in type or shape, or hold no numbers."""
    first = values[0]
    alike = len({(value.dtype, value.shape) for value in values}) == 1
    if not alike or first.dtype.kind not in NUMBERS:
        return _json(field, values)
    if isinstance(first, np.generic):
        return Column(ColumnKind.NUMBERS, np.array(values))
    if first.ndim == 0:
        return _json(field, values)
    return Column(ColumnKind.ARRAYS, np.array(values, first.dtype))


def _json(field: str, values: Sequence[Any]) -> Column:
    texts = []
    for index, value in enumerate(values):
        try:
            texts.append(text_of(value))
        except TypeError as error:
            raise UsageError(
                f"experience {index}: its {field} is or holds {error}, which cannot be saved; "
                f"give numbers, text, NumPy arrays of numbers, or lists, tuples and dicts of these"
            ) from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"experience {index}: its {field} cannot be saved: {error}") from error
    text = f"[{','.join(texts)}]".encode("ascii")
    return Column(ColumnKind.JSON, np.frombuffer(text, np.uint8))
