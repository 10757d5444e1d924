"""A choice that leaves no candidate far from a chosen one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rose_mpi.uq.agreement import Communicator
from rose_mpi.uq.selection import Selection
from rose_mpi.uq.spread import Spread


def k_center(
    comm: Communicator,
    features: ArrayLike,
    k: int | float,
    *,
    excluded: ArrayLike | None = None,
    threads: int = 1,
) -> Selection:
    """Choose candidates so that none of the pool is far from a chosen one (Sener and Savarese 2018).

    Each choice is the candidate farthest from those chosen before and from the excluded ones: the greedy
    k-center, whose largest distance is at most twice the smallest possible (Gonzalez 1985). Without excluded
    ones the first choice is candidate 0. Collective over ``comm``; the result is the same on all ranks and
    for any number of them.

    Parameters
    ----------
    features:
        This rank's part of the pool ``[candidates, features]``, real numbers, memory-mapped files too; the
        parts follow each other by rank, and some may be empty. Distances are Euclidean: scale features first.
        A rank needs memory for a copy of its part.
    k:
        How many candidates to choose: a number, or the fraction of the pool (0 < f < 1).
    excluded:
        Candidates of the pool that were chosen before; the same on all ranks. They are not chosen again.
    threads:
        Threads on this rank.

    Returns
    -------
    Selection
        In the order of choice; the scores are the distances to the nearest one chosen before, infinite for
        a first one.

    Raises
    ------
    ScoreError
        The same on all ranks: if features are not finite or do not fit, or an argument is wrong.
    """
    spread = Spread(comm, features, excluded, threads)
    chosen = spread.choose(spread.part.query_count(k), lambda: spread.squares)
    return Selection(chosen.indices, np.sqrt(chosen.scores))
