"""Checks of array files by their headers alone: nothing is loaded, and pickled objects never are."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from rose_mpi.errors import ResultError

MOST_AXES = 32
"""More axes than this no NumPy 1 can load."""

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_PREDICTION_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def check_npy(path: Path) -> np.dtype[Any]:
    """The type of a ``.npy`` file's values, once its header and size are found in order.

    Raises
    ------
    ResultError
        If it is damaged, incomplete, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            shape, dtype = _header(file)
            expected = file.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    except Exception as error:  # damaged bytes make its parsers raise anything
        raise ResultError(f"{path} is no usable .npy file: {error}") from error
    if path.stat().st_size < expected:
        raise ResultError(
            f"{path} is incomplete: its header announces {expected:,} bytes, it has {path.stat().st_size:,}"
        )
    return dtype


def check_npz(path: Path) -> None:
    """Check that a ``.npz`` file is complete and all of its arrays are plain.

    Raises
    ------
    ResultError
        If it is damaged, incomplete, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    _header(member)
    except Exception as error:  # damaged bytes make its parsers raise anything
        raise ResultError(f"{path} is no usable .npz file: {error}") from error


def check_prediction_type(dtype: np.dtype[Any], what: str) -> None:
    """Check that values can be scored.

    Raises
    ------
    ResultError
        If they are not float32 or float64 of this machine's byte order.
    """
    if dtype not in _PREDICTION_TYPES:
        raise ResultError(
            f"{what} holds values of type {dtype.str}; a prediction must be float32 or float64 "
            f"(array.astype(numpy.float64) converts it)"
        )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format version {version} is not supported")
    shape, _, dtype = _HEADERS[version](file)
    if len(shape) > MOST_AXES or min(shape, default=0) < 0:
        raise ValueError(f"no array has the shape {shape}")
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded; save numbers or text")
    return shape, dtype
