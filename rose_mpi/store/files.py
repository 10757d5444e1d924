"""Files that are whole at every moment: written aside, made safe, moved into place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

_CHUNK = 4 << 20
_STALE_READS = 5


def write_all(descriptor: int, data: memoryview) -> None:
    """Write all of ``data``, however many calls that takes."""
    while data:
        data = data[os.write(descriptor, data) :]


def read_whole(path: Path) -> bytes:
    """The bytes of a file as it was at one moment, also where it is replaced on a network file system.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    for _ in range(_STALE_READS):
        try:
            return path.read_bytes()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    return path.read_bytes()


def replace_file(target: Path, draft: Path, data: memoryview, pump: Callable[[], None]) -> None:
    """Put a new version in the place of ``target``, which stays whole whatever happens.

    ``pump`` is called every few megabytes, so that the caller can go on with more urgent writing.

    Raises
    ------
    OSError
        If the disk refuses; the old version is in place then and the draft gone.
    """
    descriptor = create(draft)
    try:
        try:
            for start in range(0, len(data), _CHUNK):
                write_all(descriptor, data[start : start + _CHUNK])
                os.fsync(descriptor)
                pump()
        finally:
            os.close(descriptor)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def create(path: Path) -> int:
    """Open a new, empty file for writing; returns its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe from a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
