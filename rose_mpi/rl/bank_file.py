"""The file of an experience bank: an ``.npz`` that ``numpy.load`` opens, without pickled objects.

It holds one array per field of the experiences (see :mod:`rose_mpi.rl.columns`) and ``header``, JSON text
with the bank's name, the kind of each column, and the banks that were merged into it.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from rose_mpi.errors import StoreError, UsageError
from rose_mpi.rl.columns import Column, ColumnKind, column_of, items_of

FIELDS: Final = ("state", "action", "reward", "next_state", "done", "info")
SUFFIX: Final = ".npz"
_PICKLES: Final = (".pkl", ".pickle")
_HEADER: Final = "header"
_FORMAT: Final = "rose-mpi experience bank"
_VERSION: Final = 1
_DAMAGE: Final = (
    OSError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Source:
    """A bank that was merged into another.

    Attributes
    ----------
    iteration:
        The iteration in which it was.
    name:
        Its file's name.
    digest:
        Hash of its file.
    experiences:
        How many it held.
    """

    iteration: int
    name: str
    digest: str
    experiences: int


@dataclass(frozen=True, slots=True)
class StoredBank:
    """A bank as its file holds it.

    Attributes
    ----------
    columns:
        For each of :data:`FIELDS` the values of all experiences, oldest first.
    sources:
        The banks that were merged into it.
    """

    session_id: str
    columns: dict[str, list[Any]]
    sources: tuple[Source, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[FIELDS[0]])


def bank_path(given: str | os.PathLike[str]) -> Path:
    """Where a bank of this name is kept: with our suffix, also where ``.pkl`` was asked for.

    Raises
    ------
    UsageError
        If it names no file.
    """
    path = Path(given)
    if not path.name:
        raise UsageError(f"{os.fspath(given)!r} names no file for an experience bank")
    stem = path.stem if path.suffix in (SUFFIX, *_PICKLES) else path.name
    return path.with_name(stem + SUFFIX)


def write_bank(path: Path, bank: StoredBank) -> None:
    """Write a bank's file, whole or not at all; on return it is safe on the disk.

    Raises
    ------
    UsageError
        If an experience holds what cannot be kept.
    StoreError
        If the disk refuses; a file that was there before stays as it was.
    """
    columns = {field: column_of(field, values) for field, values in bank.columns.items()}
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "session_id": bank.session_id,
        "kinds": {field: column.kind for field, column in columns.items()},
        "sources": [astuple(source) for source in bank.sources],
    }
    arrays = {field: column.data for field, column in columns.items()}
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode("ascii"), np.uint8)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        _write_safely(path, draft, arrays)
    except OSError as error:
        raise StoreError(
            f"the experience bank {path} cannot be written: {error.strerror or error}"
        ) from error


def read_bank(path: Path) -> StoredBank:
    """Read a bank's file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    UsageError
        If there is only a pickle of that name.
    StoreError
        If it cannot be read, is damaged, is no bank, or a newer version wrote it.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        for pickle in map(path.with_suffix, _PICKLES):
            if pickle.exists():
                raise UsageError(
                    f"{pickle} is a pickle, and pickles are not read: "
                    f"write the bank anew with rose_mpi.rl.ExperienceBank.save, which makes {path.name}"
                ) from error
        raise FileNotFoundError(
            f"there is no experience bank {path}: check the path, or begin with an empty ExperienceBank()"
        ) from error
    except OSError as error:
        raise StoreError(f"the experience bank {path} cannot be read: {error.strerror}") from error
    try:
        with file, zipfile.ZipFile(file) as archive:
            return _stored(path, archive)
    except StoreError:
        raise
    except _DAMAGE as error:
        raise StoreError(f"the experience bank {path} is damaged or no bank: {error}") from error


def _write_safely(path: Path, draft: Path, arrays: dict[str, NDArray[Any]]) -> None:
    try:
        with draft.open("xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _stored(path: Path, archive: zipfile.ZipFile) -> StoredBank:
    header = json.loads(_array(archive, _HEADER).tobytes())
    if header["format"] != _FORMAT:
        raise ValueError(f"its header says {header['format']!r}")
    if header["version"] > _VERSION:
        raise StoreError(f"the experience bank {path} was written by a newer rose-mpi: update rose-mpi")
    columns = {
        field: items_of(Column(ColumnKind(header["kinds"][field]), _array(archive, field)))
        for field in FIELDS
    }
    if len(set(map(len, columns.values()))) != 1:
        raise ValueError("its columns differ in length")
    sources = tuple(Source(*source) for source in header["sources"])
    return StoredBank(header["session_id"], columns, sources)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """An array of the archive, its checksum verified before anything is made of it."""
    content: IO[bytes] = io.BytesIO(archive.read(f"{name}.npy"))
    array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return array
