"""A choice of good candidates that are not alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.uq.agreement import Communicator, agreed
from rose_mpi.uq.evaluate import for_ranges
from rose_mpi.uq.parts import Part, gathered
from rose_mpi.uq.selection import Selection
from rose_mpi.uq.spread import Spread


def diverse_top_k(
    comm: Communicator,
    scores: ArrayLike,
    features: ArrayLike,
    k: int | float,
    *,
    weight: float = 0.5,
    minimise: bool = False,
    excluded: ArrayLike | None = None,
    threads: int = 1,
) -> Selection:
    """Choose candidates with good scores that lie far from each other.

    Each choice has the largest ``score**(1 - weight) * distance**weight``, where the score is scaled to
    [0, 1] over the pool, and the distance is that to the nearest one chosen before or excluded; without any
    the first choice has the best score. It is information density (Settles and Craven 2008) with a distance
    in place of the density. Collective over ``comm``; the result is the same on all ranks and for any number
    of them.

    Parameters
    ----------
    scores:
        Those of this rank's candidates, finite. ``[candidates]``
    features, k, excluded, threads:
        As for :func:`k_center`.
    weight:
        From 0, the best scores, to 1, the farthest candidates.
    minimise:
        Whether the smallest scores are the best.

    Returns
    -------
    Selection
        In the order of choice, with the candidates' own scores.

    Raises
    ------
    ScoreError
        The same on all ranks: if features or scores are not finite or do not fit, or an argument is wrong.
    """
    from rose_mpi.uq.kernels.distances import weigh  # noqa: PLC0415  (imports numba)

    spread = Spread(comm, features, excluded, threads)
    part = spread.part
    own = agreed(comm, lambda: _checked(scores, part, weight))
    logs = _log_of_scaled(comm, own, part.kept, minimise)
    values = np.empty(part.count)

    def weighed() -> NDArray[np.float64]:
        if not spread.has_centres:
            return np.where(np.isneginf(spread.squares), -np.inf, logs)
        for_ranges(lambda a, b: weigh(logs, spread.squares, weight, values, a, b), part.count, threads)
        return values

    chosen = spread.choose(part.query_count(k), weighed)
    return Selection(chosen.indices, gathered(comm, part, own, chosen.indices))


def _checked(scores: ArrayLike, part: Part, weight: float) -> NDArray[np.float64]:
    own = np.asarray(scores, dtype=np.float64)
    if own.shape != (part.count,):
        raise ScoreError(f"scores have shape {own.shape}; {part.count} candidates need ({part.count},)")
    if not np.isfinite(own).all():
        raise ScoreError(f"the score of candidate {part.first + np.argmin(np.isfinite(own))} is not finite")
    if not 0 <= weight <= 1:
        raise ScoreError(f"weight is {weight!r}; it must be a number from 0 to 1")
    return own


def _log_of_scaled(
    comm: Communicator, scores: NDArray[np.float64], kept: NDArray[np.bool_], minimise: bool
) -> NDArray[np.float64]:
    """Logarithms of scores that are scaled so that the pool's best is 1 and its worst 0."""
    from rose_mpi.uq.kernels.sampling import logarithms  # noqa: PLC0415  (imports numba)

    goodness = -scores if minimise else scores
    ends = comm.allgather((goodness[kept].min(initial=np.inf), goodness[kept].max(initial=-np.inf)))
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    scaled = (goodness - low) / (high - low) if high > low else np.ones(len(goodness))
    logs = np.empty(len(goodness))
    logarithms(scaled, logs)
    return logs
