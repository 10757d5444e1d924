"""Messages between ranks, point to point."""

from __future__ import annotations

import itertools
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mpi4py import MPI

from rose_mpi.mpi.farewell import Farewell
from rose_mpi.mpi.faults import Faults
from rose_mpi.mpi.messages import LASTING, Message

COORDINATOR = 0
"""The rank that coordinates."""

_ALONE = 0
_WITH_BUFFERS = 1
_BUFFER = 2
_FAREWELL = 3
_KINDS = 4
"""What a tag says: messages, messages whose large data follows, such data, and farewells; and the epoch."""

LARGEST_PIECE: Final = 1 << 30
"""Bytes that travel at a time; MPI libraries refuse 2 GiB and more."""

_AT_ONCE = 4096
"""Bytes that MPI libraries usually send without waiting for the other side."""

Buffer = bytes | memoryview
Batch = tuple[int, int, list[Message]]


@dataclass(frozen=True, slots=True)
class _Sent:
    """Something under way; MPI reads the data until the request has completed."""

    rank: int
    request: MPI.Request
    data: Buffer


class Channel:
    """Sends and receives messages without ever waiting; for one thread.

    Sends are synchronous (they complete when the message is being received), so that :meth:`left` can tell
    when nothing is under way any more: T. Hoefler, C. Siebert and A. Lumsdaine, "Scalable communication
    protocols for dynamic sparse data exchange", PPoPP 2010.

    Attributes
    ----------
    ring:
        Called with the rank whenever something was sent to it.
    died:
        Called with each rank that MPI says has died.
    epoch:
        How often ranks have been lost. Messages of another epoch are not for this one: those of an earlier
        one are dropped, but for those in which something ended; those of a later one wait.

    Notes
    -----
    All messages to one rank between two calls of :meth:`flush` travel as one, and those to the own rank
    do not travel at all. Messages between two ranks arrive in the order in which they were sent. Large data
    in messages is neither copied on its way out nor on its way in: it follows behind them.
    """

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm
        self.rank = comm.rank
        self.epoch = 0
        self.ring: Callable[[int], None] = lambda rank: None
        self.died: Callable[[int], None] = lambda rank: None
        self._faults = Faults(comm)
        self._gone: set[int] = set()
        self._outbox: dict[int, list[Message]] = {}
        self._own: deque[Message] = deque()
        self._early: deque[Batch] = deque()
        self._travelling: list[_Sent] = []
        self._given_up: list[_Sent] = []
        self._farewell = Farewell(self.rank, comm.size)
        self._leaving: MPI.Request | None = None

    @property
    def tolerates_faults(self) -> bool:
        """Whether the others go on when a rank dies."""
        return self._faults.tolerated

    def send(self, rank: int, message: Message) -> None:
        """Send a message with the next flush."""
        if rank == self.rank:
            self._own.append(message)
        else:
            self._outbox.setdefault(rank, []).append(message)

    def flush(self) -> None:
        """Send what is in the outbox, and let go of what has arrived."""
        for rank, messages in self._outbox.items():
            if rank in self._gone:
                continue
            buffers: list[pickle.PickleBuffer] = []
            data = pickle.dumps(messages, protocol=5, buffer_callback=buffers.append)
            large = [buffer.raw() for buffer in buffers]
            if len(data) > LARGEST_PIECE:
                data, large = b"", [memoryview(data), *large]
            if large:
                self._start(rank, _WITH_BUFFERS, pickle.dumps((data, [buffer.nbytes for buffer in large])))
                for piece in itertools.chain.from_iterable(map(_pieces, large)):
                    self._start(rank, _BUFFER, piece)
            else:
                self._start(rank, _ALONE, data)
            self.ring(rank)
        self._outbox.clear()
        if self._travelling:
            self._travelling = [sent for sent in self._travelling if not self._arrived(sent)]

    def begin_epoch(self, epoch: int) -> None:
        """Ranks were lost: what is sent from now on belongs to this epoch."""
        self.flush()
        self.epoch = epoch
        self._own = deque(message for message in self._own if isinstance(message, LASTING))

    def give_up(self, rank: int) -> None:
        """Send nothing to a rank any more, and wait for nothing that was sent to it."""
        self._gone.add(rank)
        self._farewell.forget(rank)
        self._given_up += [sent for sent in self._travelling if sent.rank == rank]
        self._travelling = [sent for sent in self._travelling if sent.rank != rank]

    @property
    def awaited(self) -> tuple[int, ...]:
        """The ranks that have not said farewell yet, where faults are tolerated."""
        return self._farewell.awaited

    @property
    def moving(self) -> bool:
        """Whether something is under way that MPI moves only while this side looks."""
        return any(len(sent.data) > _AT_ONCE for sent in self._travelling)

    @property
    def idle(self) -> bool:
        """Whether everything sent from here has been received."""
        return not (self._travelling or self._outbox or self._own)

    def left(self) -> bool:
        """Whether all ranks wish to leave and have received everything; go on receiving until then."""
        if self._faults.tolerated:
            for rank in self._farewell.due(self.idle):
                self._start(rank, _FAREWELL, b"")
                self.ring(rank)
            return self._farewell.over and self.idle
        if self._leaving is None and self.idle:
            self._leaving = self._comm.Ibarrier()
        return self._leaving is not None and self._leaving.Test()

    def receive(self, looks: int = 1) -> Iterator[tuple[int, Message]]:
        """The messages that have arrived, with the ranks they come from.

        Parameters
        ----------
        looks:
            How often nothing must be found. MPI libraries take a message in during one look and tell of it
            in a later one: Open MPI 5 in the second, MPICH 5 in the third.
        """
        while self._own:
            yield self.rank, self._own.popleft()
        while (batch := self._next(looks)) is not None:
            rank, epoch, messages = batch
            if rank in self._gone:
                continue
            for message in messages:
                if epoch == self.epoch or isinstance(message, LASTING):
                    yield rank, message

    def _next(self, looks: int) -> Batch | None:
        """What came first of what can be delivered now."""
        if self._early and self._early[0][1] <= self.epoch:
            return self._early.popleft()
        while (batch := self._receive(looks)) is not None and batch[1] > self.epoch:
            self._early.append(batch)
        return batch

    def _receive(self, looks: int) -> Batch | None:
        status = MPI.Status()
        while True:
            try:
                arrived = self._comm.Improbe(MPI.ANY_SOURCE, MPI.ANY_TAG, status)
                if arrived is None:
                    looks -= 1
                    if looks > 0:
                        continue
                    return None
                data = bytearray(status.Get_count(MPI.BYTE))
                arrived.Recv([data, MPI.BYTE])
                rank = status.Get_source()
                epoch, kind = divmod(status.Get_tag(), _KINDS)
                if kind == _FAREWELL:
                    self._farewell.came(rank)
                    continue
                buffers = []
                if kind == _WITH_BUFFERS:
                    data, sizes = pickle.loads(data)
                    buffers = [self._receive_buffer(rank, epoch, size) for size in sizes]
                    if not data:
                        data, *buffers = buffers
            except MPI.Exception as error:
                self._failed(error)
            else:
                return rank, epoch, pickle.loads(data, buffers=buffers)

    def _failed(self, error: MPI.Exception) -> None:
        """Tell who has died, where that is why an operation failed."""
        for rank in self._faults.found(error):
            if rank not in self._gone:
                self.give_up(rank)
                self.died(rank)

    def _start(self, rank: int, kind: int, data: Buffer) -> None:
        tag = self.epoch * _KINDS + kind
        try:
            request = self._comm.Issend([data, MPI.BYTE], rank, tag)
        except MPI.Exception as error:
            self._failed(error)
        else:
            self._travelling.append(_Sent(rank, request, data))

    def _arrived(self, sent: _Sent) -> bool:
        """Whether something has been received, or never will be."""
        try:
            return sent.request.Test() or sent.rank in self._gone
        except MPI.Exception as error:
            self._failed(error)
            return True

    def _receive_buffer(self, rank: int, epoch: int, size: int) -> bytearray:
        """What follows a message; it is under way already."""
        buffer = bytearray(size)
        for piece in _pieces(memoryview(buffer)):
            self._comm.Recv([piece, MPI.BYTE], rank, epoch * _KINDS + _BUFFER)
        return buffer


def _pieces(data: memoryview) -> Iterator[memoryview]:
    return (data[start : start + LARGEST_PIECE] for start in range(0, data.nbytes, LARGEST_PIECE))
