"""Brings all members' predictions to the ranks that score them, a block of candidates at a time.

While one block is scored the next is under way, by non-blocking collectives that each take one prediction of
every rank from where it lies. What a rank can read for itself, its own predictions and mapped files, stays in
place; where that is all, there is a single block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.evaluate import Members
from rose_mpi.uq.plan import LARGEST_COUNT, Plan

_IN_FLIGHT: Final = 2


@dataclass(frozen=True, slots=True)
class Block:
    """All members' predictions for some of this rank's candidates.

    Attributes
    ----------
    first:
        Place in the pool of the first candidate.
    predictions:
        Each member's ``[candidates, classes]`` or ``[candidates]``, in the order of the positions; as one
        array for a metric of the whole pool.
    """

    first: int
    predictions: Members


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
        self._needed = any(sent) and comm.size > 1
        self._in_place = not self._needed and all(_is_ready(array, plan) for array in readable.values())
        self.positions = sorted(position for on_rank in plan.positions for position in on_rank)
        turns = max(map(len, sent)) if self._needed else 0
        self._turns = [
            {rank: on[turn] for rank, on in enumerate(sent) if turn < len(on)} for turn in range(turns)
        ]
        others = (turn[rank] for turn in self._turns for rank in turn if rank != comm.rank)
        self._rows = {position: row for row, position in enumerate(others)}
        self._under_way: list[Any] = []
        longest = self._length(comm.rank, 0) * plan.width
        self._incoming = np.empty((_IN_FLIGHT, len(self._rows), longest), plan.dtype)
        start, stop = plan.partition.share(comm.rank) if plan.metric.whole_pool else (0, 0)
        self._pool = np.empty((len(self.positions), stop - start, *plan.shape[1:]), plan.dtype)

    def blocks(self) -> Iterator[Block]:
        """All blocks, also empty ones while other ranks have some left; each is valid until the next.

        For a metric of the whole pool they come as one, in memory of its own. They do too where all stays
        in place.
        """
        if self._plan.metric.whole_pool:
            return iter([self._all()])
        return iter([self._untouched()]) if self._in_place else self._one_by_one()

    def _untouched(self) -> Block:
        start, stop = self._plan.partition.share(self._comm.rank)
        return Block(start, tuple(self._readable[position][start:stop] for position in self.positions))

    def _all(self) -> Block:
        start, _ = self._plan.partition.share(self._comm.rank)
        for block in self._one_by_one():
            for rows, part in zip(self._pool, block.predictions, strict=True):
                rows[block.first - start : block.first - start + len(part)] = part
        return Block(start, self._pool)

    def _one_by_one(self) -> Iterator[Block]:
        rounds = self._plan.partition.rounds
        following = self._begin(0) if rounds else []
        for step in range(rounds):
            requests, following = following, self._begin(step + 1) if step + 1 < rounds else []
            for request in requests:
                request.Wait()
            self._under_way = following
            yield self._block(step)

    def progress(self) -> None:
        """Let MPI go on with the next block."""
        for request in self._under_way:
            if not request.Test():
                break

    def _begin(self, step: int) -> list[Any]:
        """Begin to exchange what is scored in a round, one prediction of each rank by each collective."""
        me, partition = self._comm.rank, self._plan.partition
        pieces = [(0, 0) if rank == me else partition.piece(rank, step) for rank in range(self._comm.size)]
        return [self._begin_turn(turn, step, pieces) for turn in self._turns]

    def _begin_turn(self, turn: Mapping[int, int], step: int, pieces: Sequence[tuple[int, int]]) -> Any:
        me, typecode = self._comm.rank, self._plan.dtype.char
        incoming = self._incoming[step % _IN_FLIGHT]
        size = self._length(me, step) * self._plan.width
        counts, places = [0] * self._comm.size, [0] * self._comm.size
        for rank, position in turn.items():
            if rank != me:
                counts[rank], places[rank] = size, self._rows[position] * incoming.shape[1]
        return self._comm.Ialltoallv(
            [*self._outgoing(turn.get(me), pieces), typecode], [incoming, (counts, places), typecode]
        )

    def _outgoing(
        self, position: int | None, pieces: Sequence[tuple[int, int]]
    ) -> tuple[NDArray[Any], tuple[list[int], list[int]]]:
        """What the other ranks need of a prediction: numbers, and how many from where go to each rank.

        They are copied only where MPI cannot read them in place.
        """
        if position is None:
            return np.empty(0, self._plan.dtype), ([0] * len(pieces), [0] * len(pieces))
        array, width = self._readable[position], self._plan.width
        counts = [(stop - start) * width for start, stop in pieces]
        if _is_ready(array, self._plan) and array.size <= LARGEST_COUNT:
            return array.reshape(-1), (counts, [start * width for start, _ in pieces])
        parts = [np.asarray(array[start:stop], self._plan.dtype).reshape(-1) for start, stop in pieces]
        return np.concatenate(parts), (counts, [0, *accumulate(counts[:-1])])

    def _block(self, step: int) -> Block:
        start, stop = self._plan.partition.piece(self._comm.rank, step)
        shape = (stop - start, *self._plan.shape[1:])
        incoming = self._incoming[step % _IN_FLIGHT, :, : (stop - start) * self._plan.width]
        rows = {position: incoming[row].reshape(shape) for position, row in self._rows.items()}
        for position, array in self._readable.items():
            rows[position] = np.require(array[start:stop], self._plan.dtype, ["C", "A"])
        return Block(start, tuple(rows[position] for position in self.positions))

    def _length(self, rank: int, step: int) -> int:
        start, stop = self._plan.partition.piece(rank, step)
        return stop - start


def _is_ready(array: NDArray[Any], plan: Plan) -> bool:
    """Whether an array can be scored as it lies in memory."""
    return array.dtype == plan.dtype and array.flags.c_contiguous and array.flags.aligned
