"""Brings all members' predictions to the ranks that score them, a block of candidates at a time.

While one block is scored the next is under way: two non-blocking collectives at most, with a buffer each for
what is sent and what is received. What a rank can read for itself, its own predictions and mapped files,
stays in place; where that is all, there is a single block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.plan import Plan

_IN_FLIGHT: Final = 2


@dataclass(frozen=True, slots=True)
class Block:
    """All members' predictions for some of this rank's candidates.

    Attributes
    ----------
    first:
        Place in the pool of the first candidate.
    predictions:
        Each member's ``[candidates, classes]`` or ``[candidates]``, in the order of the positions.
    """

    first: int
    predictions: tuple[NDArray[Any], ...]


class Exchange:
    """The blocks of one rank.

    Parameters
    ----------
    readable:
        The predictions that this rank can read, by position: ``[candidates, classes]`` or ``[candidates]``.
    sent:
        Positions of the predictions that each rank sends to the others.

    Attributes
    ----------
    positions:
        Numbers of all members, in order.
    """

    def __init__(
        self,
        comm: Any,
        plan: Plan,
        readable: Mapping[int, NDArray[Any]],
        sent: Sequence[Sequence[int]],
    ) -> None:
        self._comm = comm
        self._plan = plan
        self._readable = readable
        self._sent = [() if rank == comm.rank else tuple(on) for rank, on in enumerate(sent)]
        self._own = tuple(sent[comm.rank])
        self._needed = any(sent) and comm.size > 1
        self._in_place = not self._needed and all(_is_ready(array, plan) for array in readable.values())
        self.positions = sorted(position for on_rank in plan.positions for position in on_rank)
        self._under_way: Any = None
        lengths = [self._length(rank, 0) for rank in range(comm.size)]
        out = sum(lengths) - lengths[comm.rank]
        back = lengths[comm.rank] * sum(map(len, self._sent))
        rows = (len(self._own) * out, back) if self._needed else (0, 0)
        self._outgoing, self._incoming = (np.empty((_IN_FLIGHT, n * plan.width), plan.dtype) for n in rows)

    def blocks(self, *, at_once: bool = False) -> Iterator[Block]:
        """All blocks, also empty ones while other ranks have some left; each is valid until the next.

        With ``at_once`` they come as one, in memory of its own. They do too where all stays in place.
        """
        if at_once:
            return iter([self._all()])
        return iter([self._untouched()]) if self._in_place else self._one_by_one()

    def _untouched(self) -> Block:
        start, stop = self._plan.partition.share(self._comm.rank)
        return Block(start, tuple(self._readable[position][start:stop] for position in self.positions))

    def _all(self) -> Block:
        start, stop = self._plan.partition.share(self._comm.rank)
        pool = np.empty((len(self.positions), stop - start, *self._plan.shape[1:]), self._plan.dtype)
        for block in self._one_by_one():
            for rows, part in zip(pool, block.predictions, strict=True):
                rows[block.first - start : block.first - start + len(part)] = part
        return Block(start, tuple(pool))

    def _one_by_one(self) -> Iterator[Block]:
        rounds = self._plan.partition.rounds
        following = self._begin(0) if rounds else None
        for step in range(rounds):
            request = following
            following = self._begin(step + 1) if step + 1 < rounds else None
            if request is not None:
                request.Wait()
            self._under_way = following
            yield self._block(step)

    def progress(self) -> None:
        """Let MPI go on with the next block."""
        if self._under_way is not None:
            self._under_way.Test()

    def _begin(self, step: int) -> Any:
        if not self._needed:
            return None
        outgoing = self._outgoing[step % _IN_FLIGHT]
        width, typecode = self._plan.width, self._plan.dtype.char
        to = [0] * self._comm.size
        filled = 0
        for rank in range(self._comm.size):
            if rank != self._comm.rank:
                filled = self._pack(rank, step, outgoing, filled)
                to[rank] = len(self._own) * self._length(rank, step) * width
        length = self._length(self._comm.rank, step)
        back = [len(positions) * length * width for positions in self._sent]
        return self._comm.Ialltoallv(
            [outgoing, to, typecode], [self._incoming[step % _IN_FLIGHT], back, typecode]
        )

    def _pack(self, rank: int, step: int, outgoing: NDArray[Any], filled: int) -> int:
        """Copy what a rank needs of this rank's predictions; returns how much of the buffer is filled."""
        start, stop = self._plan.partition.piece(rank, step)
        size = (stop - start) * self._plan.width
        for position in self._own:
            outgoing[filled : filled + size] = self._readable[position][start:stop].reshape(-1)
            filled += size
        return filled

    def _block(self, step: int) -> Block:
        start, stop = self._plan.partition.piece(self._comm.rank, step)
        shape = (stop - start, *self._plan.shape[1:])
        size = (stop - start) * self._plan.width
        received = self._incoming[step % _IN_FLIGHT]
        order = [position for positions in self._sent for position in positions]
        rows = {p: received[n * size : (n + 1) * size].reshape(shape) for n, p in enumerate(order)}
        for position, array in self._readable.items():
            rows[position] = np.require(array[start:stop], self._plan.dtype, ["C", "A"])
        return Block(start, tuple(rows[position] for position in self.positions))

    def _length(self, rank: int, step: int) -> int:
        start, stop = self._plan.partition.piece(rank, step)
        return stop - start


def _is_ready(array: NDArray[Any], plan: Plan) -> bool:
    """Whether an array can be scored as it lies in memory."""
    return array.dtype == plan.dtype and array.flags.c_contiguous and array.flags.aligned
