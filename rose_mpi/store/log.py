"""The append-only log beside the results file.

It begins with a magic word, the format's version and a header; records follow, each as its length, its
CRC-32 and its bytes. Records are numbered through the run. The header's *generation* is the number of
records that came before the log; the results file's generation is the number of records it holds. So a
reader knows which records of the log the file has already, whichever of the two was replaced last.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from rose_mpi.errors import StoreError
from rose_mpi.store.files import create, read_whole, write_all

LOG_VERSION: Final = 1
_MAGIC: Final = b"rose-log"
_PREAMBLE: Final = struct.Struct("<8sI")
_FRAME: Final = struct.Struct("<II")


class LogHeader(msgspec.Struct, frozen=True, array_like=True):
    """Whose log it is, and how many of the run's records came before its first."""

    run: str
    generation: int


@dataclass(frozen=True, slots=True)
class Log:
    """A log as read: its header and the whole records in it."""

    header: LogHeader
    payloads: tuple[bytes, ...]


class LogWriter:
    """Appends records to one log.

    Parameters
    ----------
    path, draft:
        Where the log goes, and where it is written before it takes the place of an older one.
    frames:
        Records to begin with, as :func:`framed` gave them.

    Raises
    ------
    OSError
        If the disk refuses; an older log is untouched then.
    """

    def __init__(self, path: Path, draft: Path, header: LogHeader, frames: bytes = b"") -> None:
        self.size = 0
        self._buffer = bytearray()
        start = _PREAMBLE.pack(_MAGIC, LOG_VERSION) + framed(msgspec.msgpack.encode(header)) + frames
        self._descriptor = create(draft)
        try:
            write_all(self._descriptor, memoryview(start))
            os.fsync(self._descriptor)
            draft.replace(path)
        except BaseException:
            os.close(self._descriptor)
            draft.unlink(missing_ok=True)
            raise
        self.size = len(start)

    def append(self, frame: bytes) -> None:
        """Take a record, to be written by the next :meth:`write`."""
        self._buffer += frame
        self.size += len(frame)

    def write(self) -> None:
        """Hand what was appended to the system; after an ``OSError`` it may be called again."""
        while self._buffer:
            del self._buffer[: os.write(self._descriptor, self._buffer)]

    def sync(self) -> None:
        """Make what was written safe from a power cut."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)


def framed(payload: bytes) -> bytes:
    """A record's bytes as they stand in a log."""
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def read_log(path: Path) -> Log | None:
    """Read a log, up to the first record that is torn or damaged; ``None`` if there is no log.

    Raises
    ------
    StoreError
        If the file cannot be read, is no log or comes from a newer version.
    """
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    payloads = _payloads(data)
    return Log(_header(path, data, payloads), tuple(payloads))


def _header(path: Path, data: bytes, payloads: Iterator[bytes]) -> LogHeader:
    if len(data) >= _PREAMBLE.size:
        magic, version = _PREAMBLE.unpack_from(data)
        if magic == _MAGIC and version > LOG_VERSION:
            raise StoreError(
                f"{path} has format {version}, this rose-mpi reads up to {LOG_VERSION}: use a newer rose-mpi"
            )
        if magic == _MAGIC:
            with suppress(StopIteration, msgspec.MsgspecError):
                return msgspec.msgpack.decode(next(payloads), type=LogHeader)
    raise StoreError(f"{path} is no log of rose-mpi: move it away to read the results file alone")


def _payloads(data: bytes) -> Iterator[bytes]:
    """The whole records in a log's bytes, the header first."""
    position = _PREAMBLE.size
    while position + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, position)
        position += _FRAME.size
        payload = data[position : position + length]
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload
        position += length
