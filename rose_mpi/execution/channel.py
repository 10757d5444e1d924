"""The helper process's end of its connection to the rank: it never waits."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rose_mpi.execution.frames import Unpacker, pack


class Channel:
    """Messages over a socket.

    Attributes
    ----------
    open:
        Whether the other end is there, as far as reading and writing have shown.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.open = True
        self._unpacker = Unpacker()
        self._outgoing = bytearray()

    def receive(self) -> Iterator[tuple[object, ...]]:
        """Yield the messages that have arrived."""
        try:
            data = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.open = False
        yield from self._unpacker.feed(data)

    def send(self, message: tuple[object, ...]) -> None:
        """Put a message into the outgoing buffer."""
        self._outgoing += pack(message)

    @property
    def has_news(self) -> bool:
        """Whether something has not been written yet."""
        return bool(self._outgoing)

    def flush(self) -> bool:
        """Write what the socket takes; returns whether the buffer is empty."""
        try:
            while self._outgoing and self.open:
                del self._outgoing[: os.write(self.descriptor, self._outgoing)]
        except BlockingIOError:
            return False
        except OSError:
            self.open = False
        return True
