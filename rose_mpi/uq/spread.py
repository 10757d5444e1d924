"""Greedy choice of candidates that lie far from each other, by the distances of their features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.uq.agreement import Communicator, agreed
from rose_mpi.uq.evaluate import CHUNK, for_ranges, working_dtype
from rose_mpi.uq.parts import leading, part_of
from rose_mpi.uq.selection import Selection


class Spread:
    """Distances of this rank's candidates to all that were chosen so far. Making one is collective.

    Attributes
    ----------
    squares:
        Squared distance to the nearest one; infinite as long as there is none, minus infinity for candidates
        that must not be chosen (again). float64 ``[candidates]``
    has_centres:
        Whether there is one.
    """

    def __init__(
        self, comm: Communicator, features: ArrayLike, excluded: ArrayLike | None, threads: int
    ) -> None:
        self._comm = comm
        self._threads = threads
        rows = _agreed_rows(comm, features)
        self.part = part_of(comm, len(rows), excluded)
        self._blocks = _in_blocks(rows)
        self.squares = np.full(self.part.count, np.inf)
        self.has_centres = False
        before = comm.allgather(rows[self.part.own_excluded].astype(np.float64))
        self._add(np.concatenate(before))
        self.squares[self.part.own_excluded] = -np.inf

    def choose(self, k: int, values: Callable[[], NDArray[np.float64]]) -> Selection:
        """Take ``k`` times the candidate with the largest value, told anew each time."""
        taken = []
        for _ in range(k):
            best = leading(self._comm, self.part, values())
            taken.append(best)
            place = best.index - self.part.first
            own = self._features_of(place) if best.rank == self._comm.rank else None
            self._add(self._comm.bcast(own, best.rank))
            if own is not None:
                self.squares[place] = -np.inf
        indices = np.array([best.index for best in taken], np.int64)
        return Selection(indices, np.array([best.value for best in taken], np.float64))

    def _add(self, centres: NDArray[np.float64]) -> None:
        from rose_mpi.uq.kernels.distances import approach  # noqa: PLC0415  (imports numba)

        if len(centres):
            self.has_centres = True
            for_ranges(
                lambda a, b: approach(self._blocks, centres, self.squares, a, b),
                self.part.count,
                self._threads,
            )

    def _features_of(self, place: int) -> NDArray[np.float64]:
        """Those of one of this rank's candidates, ``[1, features]``."""
        own: NDArray[np.float64] = self._blocks[place // CHUNK, :, place % CHUNK].astype(np.float64)
        return own[None]


def _agreed_rows(comm: Communicator, features: ArrayLike) -> NDArray[np.floating]:
    """The rank's features in a type that all ranks use, C-contiguous."""

    def describe() -> tuple[NDArray[Any], int, np.dtype[Any]]:
        rows = np.asarray(features)
        if rows.ndim != 2:
            raise ScoreError(f"features have shape {rows.shape}; they must be [candidates, features]")
        if rows.dtype.kind not in "fiub":
            raise ScoreError(f"features are of type {rows.dtype}; real numbers are needed")
        return rows, rows.shape[1], working_dtype([rows.dtype])

    rows, width, dtype = agreed(comm, describe)
    descriptions = comm.allgather((width, dtype, len(rows)))
    first = next((d for d in descriptions if d[2]), descriptions[0])

    def checked() -> NDArray[np.floating]:
        if len(rows) and width != first[0]:
            raise ScoreError(f"candidates have {first[0]} features on some ranks and {width} on others")
        common = np.result_type(*(d[1] for d in descriptions))
        return _finite(np.ascontiguousarray(rows.reshape(len(rows), first[0]), dtype=common))

    return agreed(comm, checked)


def _in_blocks(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """A copy of the features by feature for each chunk of candidates, so that sums of many are one vector.

    ``[chunks, features, CHUNK]``; what is beyond the last candidate is not set.
    """
    blocks = np.empty((-(-len(rows) // CHUNK), rows.shape[1], CHUNK), rows.dtype)
    for block, first in zip(blocks, range(0, len(rows), CHUNK), strict=True):
        part = rows[first : first + CHUNK]
        block[:, : len(part)] = part.T
    return blocks


def _finite(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    from rose_mpi.uq.kernels.checks import first_bad_value  # noqa: PLC0415  (imports numba)

    bad = first_bad_value(rows)
    if bad >= 0:
        raise ScoreError(f"features must be finite numbers; those in row {bad} of this part are {rows[bad]}")
    return rows
