"""Datasets, axes and attributes by HDF5's own calls: a third of what h5py's comfortable ones cost.

A run with a thousand learners has tens of thousands of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5ds, h5p, h5s, h5t
from numpy.typing import NDArray

TEXT: Final = h5py.string_dtype()


def write_attributes(owner: Any, attributes: Mapping[str, Any]) -> None:
    """Write texts and numbers as attributes.

    Parameters
    ----------
    owner:
        Low-level identifier of a group or a dataset.
    """
    for name, value in attributes.items():
        array = np.array(value, dtype=TEXT if isinstance(value, str) else None)
        attribute = h5a.create(owner, name.encode(), _type(array.dtype), _scalar())
        attribute.write(array, mtype=_type_in_memory(array.dtype))


def write_dataset(group: Any, name: str, values: NDArray[Any]) -> Any:
    """Write an array; objects are texts. Returns the dataset's low-level identifier."""
    kind = TEXT if values.dtype == object else values.dtype
    dataset = h5d.create(
        group, name.encode(), _type(kind), h5s.create_simple(values.shape), lcpl=_names_in_unicode()
    )
    if values.size:
        dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values), mtype=_type_in_memory(kind))
    return dataset


def make_scale(dataset: Any, name: str) -> None:
    """Make a dataset an axis of others."""
    h5ds.set_scale(dataset, name.encode())


def attach_scale(dataset: Any, dimension: int, scale: Any) -> None:
    """Let a dimension have an axis."""
    h5ds.attach_scale(dataset, scale, dimension)


@cache
def _type(kind: np.dtype[Any]) -> Any:
    return h5t.py_create(kind, logical=True)


@cache
def _type_in_memory(kind: np.dtype[Any]) -> Any:
    return h5t.py_create(kind)


@cache
def _scalar() -> Any:
    return h5s.create(h5s.SCALAR)


@cache
def _names_in_unicode() -> Any:
    properties = h5p.create(h5p.LINK_CREATE)
    properties.set_char_encoding(h5t.CSET_UTF8)
    return properties
