"""A pool of candidates of which each rank holds a consecutive part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.uq.agreement import Communicator, agreed
from rose_mpi.uq.plan import as_indices
from rose_mpi.uq.selection import Selection, merge, query_count, top_k


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of the pool, and the rank that holds it."""

    value: float
    index: int
    rank: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one rank holds of a pool.

    Attributes
    ----------
    first:
        Place in the pool of the first candidate that it holds.
    count:
        How many it holds.
    candidates:
        Size of the pool.
    excluded:
        Candidates of the whole pool that must not be chosen, sorted. int64 ``[e]``
    """

    first: int
    count: int
    candidates: int
    excluded: NDArray[np.int64]

    @property
    def own_excluded(self) -> NDArray[np.int64]:
        """Places within the part of the candidates that must not be chosen."""
        start, stop = np.searchsorted(self.excluded, (self.first, self.first + self.count))
        own: NDArray[np.int64] = self.excluded[start:stop] - self.first
        return own

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each candidate of the part may be chosen."""
        kept = np.ones(self.count, np.bool_)
        kept[self.own_excluded] = False
        return kept

    def query_count(self, k: int | float) -> int:
        """How many candidates to choose from the pool.

        Raises
        ------
        ScoreError
            If ``k`` is neither a number nor a fraction.
        """
        try:
            return query_count(k, self.candidates, len(self.excluded))
        except UsageError as error:
            raise ScoreError(str(error)) from None


def part_of(comm: Communicator, count: int, excluded: ArrayLike | None) -> Part:
    """The part that this rank holds, where the parts follow each other by rank. Collective.

    Parameters
    ----------
    count:
        Candidates that this rank holds.
    excluded:
        Candidates of the pool that must not be chosen; the same on all ranks.

    Raises
    ------
    ScoreError
        The same on all ranks: if ``excluded`` holds no candidates of the pool.
    """
    counts = comm.allgather(count)
    candidates = sum(counts)

    def part() -> Part:
        masked = as_indices(excluded)
        if len(masked) and not 0 <= masked[0] <= masked[-1] < candidates:
            raise ScoreError(f"excluded names candidates outside 0 to {candidates - 1}")
        return Part(sum(counts[: comm.rank]), count, candidates, masked)

    return agreed(comm, part)


def best_here(part: Part, values: NDArray[np.float64], k: int, *, minimise: bool = False) -> Selection:
    """The ``k`` best of a part among the candidates that may be chosen, by their places in the pool."""
    if len(part.own_excluded):
        kept = np.flatnonzero(part.kept)
        best = top_k(values[kept], k, minimise=minimise, indices=kept)
    else:
        best = top_k(values, k, minimise=minimise)
    return Selection(best.indices + part.first, best.scores)


def best_of(
    comm: Communicator, part: Part, values: NDArray[np.float64], k: int, *, minimise: bool = False
) -> Selection:
    """The ``k`` best of all parts among the candidates that may be chosen. Collective."""
    return merge(comm.allgather(best_here(part, values, k, minimise=minimise)), k, minimise=minimise)


def leading(comm: Communicator, part: Part, values: NDArray[np.float64]) -> Candidate:
    """The candidate of all parts with the largest value; of equal ones that with the smallest index.

    Collective; values of minus infinity do not count, and there must be others on some rank.
    """
    place = int(np.argmax(values)) if len(values) else -1
    own = Candidate(float(values[place]) if len(values) else -np.inf, part.first + place, comm.rank)
    everyone: list[Candidate] = comm.allgather(own)
    return max(everyone, key=lambda candidate: (candidate.value, -candidate.index))


def gathered(
    comm: Communicator, part: Part, values: NDArray[np.float64], indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the ranks that hold them say of some candidates of the pool. Collective. float64 ``[indices]``."""
    own = np.flatnonzero((indices >= part.first) & (indices < part.first + part.count))
    result = np.empty(len(indices))
    for places, found in comm.allgather((own, values[indices[own] - part.first])):
        result[places] = found
    return result
