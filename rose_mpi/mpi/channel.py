"""Messages between ranks, point to point."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator

from mpi4py import MPI

from rose_mpi.mpi.messages import Message

COORDINATOR = 0
"""The rank that coordinates."""

_ALONE = 1
_WITH_BUFFERS = 2
_BUFFER = 3
"""Tags: messages, messages whose large data follows, and such data."""

Buffer = bytes | memoryview


class Channel:
    """Sends and receives messages without ever waiting; for one thread.

    Sends are synchronous (they complete when the message is being received), so that :meth:`left` can tell
    when nothing is under way any more: T. Hoefler, C. Siebert and A. Lumsdaine, "Scalable communication
    protocols for dynamic sparse data exchange", PPoPP 2010.

    Attributes
    ----------
    ring:
        Called with the rank whenever something was sent to it.

    Notes
    -----
    All messages to one rank between two calls of :meth:`flush` travel as one, and those to the own rank
    do not travel at all. Messages between two ranks arrive in the order in which they were sent. Large data
    in messages is neither copied on its way out nor on its way in: it follows behind them.
    """

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm
        self.rank = comm.rank
        self._outbox: dict[int, list[Message]] = {}
        self._own: deque[Message] = deque()
        self._travelling: list[tuple[MPI.Request, Buffer]] = []
        self._leaving: MPI.Request | None = None
        self.ring: Callable[[int], None] = lambda rank: None

    def send(self, rank: int, message: Message) -> None:
        """Send a message with the next flush."""
        if rank == self.rank:
            self._own.append(message)
        else:
            self._outbox.setdefault(rank, []).append(message)

    def flush(self) -> None:
        """Send what is in the outbox, and let go of what has arrived."""
        for rank, messages in self._outbox.items():
            buffers: list[pickle.PickleBuffer] = []
            data = pickle.dumps(messages, protocol=5, buffer_callback=buffers.append)
            if buffers:
                large = [buffer.raw() for buffer in buffers]
                data = pickle.dumps((data, [buffer.nbytes for buffer in large]))
                self._start(rank, _WITH_BUFFERS, data)
                for buffer in large:
                    self._start(rank, _BUFFER, buffer)
            else:
                self._start(rank, _ALONE, data)
            self.ring(rank)
        self._outbox.clear()
        if self._travelling:
            self._travelling = [sent for sent in self._travelling if not sent[0].Test()]

    @property
    def sending(self) -> bool:
        """Whether something that was sent has not been received yet."""
        return bool(self._travelling)

    @property
    def idle(self) -> bool:
        """Whether everything sent from here has been received."""
        return not (self._travelling or self._outbox or self._own)

    def left(self) -> bool:
        """Whether all ranks wish to leave and have received everything; go on receiving until then."""
        if self._leaving is None and self.idle:
            self._leaving = self._comm.Ibarrier()
        return self._leaving is not None and self._leaving.Test()

    def receive(self) -> Iterator[tuple[int, Message]]:
        """The messages that have arrived, with the ranks they come from."""
        while self._own:
            yield self.rank, self._own.popleft()
        status = MPI.Status()
        while (arrived := self._comm.Improbe(MPI.ANY_SOURCE, MPI.ANY_TAG, status)) is not None:
            data = bytearray(status.Get_count(MPI.BYTE))
            arrived.Recv([data, MPI.BYTE])
            rank, buffers = status.Get_source(), []
            if status.Get_tag() == _WITH_BUFFERS:
                data, sizes = pickle.loads(data)
                buffers = [self._receive_buffer(rank, size) for size in sizes]
            for message in pickle.loads(data, buffers=buffers):
                yield rank, message

    def _start(self, rank: int, tag: int, data: Buffer) -> None:
        self._travelling.append((self._comm.Issend([data, MPI.BYTE], rank, tag), data))

    def _receive_buffer(self, rank: int, size: int) -> bytearray:
        """What follows a message; it is under way already."""
        buffer = bytearray(size)
        self._comm.Recv([buffer, MPI.BYTE], rank, _BUFFER)
        return buffer
