"""Messages between a rank and its helper process: marshalled values, each with its length before it.

Both ends are the same Python, so :mod:`marshal`, the fastest encoding it has, is safe here.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Iterator

_LENGTH = struct.Struct("!I")


def pack(message: tuple[object, ...]) -> bytes:
    """The bytes of one message: a tuple of plain built-in values."""
    body = marshal.dumps(message)  # type: ignore[arg-type]
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Puts messages together again from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[object, ...]]:
        """Take a piece and yield the messages that are complete now."""
        if self._rest:
            data = self._rest + data
        start, size = 0, len(data)
        while size - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, start)
            end = start + _LENGTH.size + length
            if size < end:
                break
            yield marshal.loads(memoryview(data)[start + _LENGTH.size : end])
            start = end
        self._rest = data[start:]
