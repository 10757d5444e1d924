"""Predictions that are files: which file an array maps, and the same file on another rank."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MappedFile:
    """Where the numbers of an array lie in a file, and what tells whether a path leads to that file.

    Attributes
    ----------
    offset:
        Bytes before the first number.
    """

    path: str
    offset: int
    inode: int
    size: int
    modified: int


def files_of(arrays: Sequence[NDArray[Any]]) -> tuple[MappedFile | None, ...]:
    """The file that each array maps; ``None`` for one that is in memory, or that is not the file's alone."""
    roots = [_root(array) for array in arrays]
    inodes = _mapped_inodes() if any(root is not None for root in roots) else {}
    return tuple(
        None if root is None else _file_of(array, root, inodes)
        for array, root in zip(arrays, roots, strict=True)
    )


def map_again(file: MappedFile, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Map a file that another rank has mapped; ``None`` if this rank does not find the same file."""
    try:
        with Path(file.path).open("rb") as opened:
            status = os.fstat(opened.fileno())
            if (status.st_ino, status.st_size, status.st_mtime_ns) != (file.inode, file.size, file.modified):
                return None
            return np.memmap(opened, dtype, "r", file.offset, shape)
    except OSError:
        return None


def _root(array: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """The read-only map that a contiguous array is a part of."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    readable = array.size and array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
    whole = isinstance(root, np.memmap) and isinstance(root.base, mmap.mmap) and root.mode == "r"
    return root if readable and whole and root.filename else None


def _file_of(
    array: NDArray[Any], root: np.memmap[Any, Any], inodes: Mapping[tuple[int, int], int]
) -> MappedFile | None:
    address = array.__array_interface__["data"][0]
    path = str(Path(str(root.filename)).absolute())
    try:
        status = Path(path).stat()
    except OSError:
        return None
    mapped = next((inode for (start, end), inode in inodes.items() if start <= address < end), None)
    if mapped != status.st_ino:
        return None
    offset = root.offset + address - root.__array_interface__["data"][0]
    return MappedFile(path, offset, status.st_ino, status.st_size, status.st_mtime_ns)


def _mapped_inodes() -> dict[tuple[int, int], int]:
    """Inodes of the files that this process maps, by address range: a path may lead to a newer file."""
    inodes = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, _, _, inode, *_ = line.split()
        if inode != "0":
            start, end = addresses.split("-")
            inodes[int(start, 16), int(end, 16)] = int(inode)
    return inodes
