"""Pipes for the output of processes, used again and again.

Both ends stay open here, so that the end of a process wakes nobody but those who wait for it, and a pipe
serves the next one at no cost.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence

from rose_mpi.execution.capture import Capture
from rose_mpi.execution.listening import Listener

_CHUNK = 1 << 16


class Pipe:
    """Carries one output stream into a capture, and never waits.

    Attributes
    ----------
    write_end:
        What the process writes to.
    capture:
        Takes what comes.
    """

    __slots__ = ("_listener", "_read_end", "capture", "write_end")

    def __init__(self, listener: Listener, capture: Capture) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self.capture = capture
        self._listener = listener
        listener.listen(self._read_end, self.read)

    def read(self) -> int:
        """Take what has arrived, up to a bound; returns how many bytes."""
        try:
            data = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return 0
        self.capture.take(data)
        return len(data)

    def drain(self) -> None:
        """Take what is in the pipe, and no more than that, whoever still writes to it."""
        if self.read():
            left = fcntl.fcntl(self._read_end, fcntl.F_GETPIPE_SZ)
            while left > 0 and (count := self.read()):
                left -= count
        self.capture.close()

    def renew(self, capture: Capture) -> None:
        """Serve another process: nobody else has the pipe, but its flags may have been changed."""
        fcntl.fcntl(self.write_end, fcntl.F_SETFL, 0)
        self.capture = capture

    def close(self) -> None:
        """Close both ends."""
        self._listener.ignore(self._read_end)
        os.close(self._read_end)
        os.close(self.write_end)


class Pipes:
    """Pipes that wait for the next process."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._unused: list[Pipe] = []

    def take(self, *captures: Capture) -> list[Pipe]:
        """Pipes for output streams.

        Raises
        ------
        OSError
            If there are too many open files.
        """
        while len(self._unused) < len(captures):
            self._unused.append(Pipe(self._listener, captures[0]))
        pipes = [self._unused.pop() for _ in captures]
        for pipe, capture in zip(pipes, captures, strict=True):
            pipe.renew(capture)
        return pipes

    def give_back(self, pipes: Sequence[Pipe], reusable: bool) -> None:
        """A process has ended; its pipes can serve another one if no other process holds them."""
        if reusable:
            self._unused += pipes
            return
        for pipe in pipes:
            pipe.close()
