"""A random choice in which better candidates are likelier."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.uq.agreement import Communicator, agreed
from rose_mpi.uq.parts import Part, best_of, gathered, part_of
from rose_mpi.uq.selection import Selection
from rose_mpi.uq.uniform import uniform


def power_sample(
    comm: Communicator,
    scores: ArrayLike,
    k: int | float,
    *,
    beta: float = 1.0,
    seed: int = 0,
    excluded: ArrayLike | None = None,
) -> Selection:
    """Choose candidates at random, one after the other, with probabilities in proportion to ``score**beta``.

    The power acquisition of Kirsch et al. (2021): the largest ``beta * log(score)`` after each got a Gumbel
    number of its own, which follows from the seed and the candidate's index. Collective over ``comm``; the
    result is the same on all ranks and for any number of them.

    Parameters
    ----------
    scores:
        Those of this rank's candidates, from 0 on, larger for the better; the parts of the pool follow each
        other by rank. ``[candidates]``
    k:
        How many candidates to choose: a number, or the fraction of the pool (0 < f < 1).
    beta:
        From 0, all alike, to large numbers, where the best are all but certain.
    excluded:
        Candidates of the pool that must not be chosen; the same on all ranks.

    Returns
    -------
    Selection
        In the order of choice, with the candidates' own scores. Those with score 0 come last.

    Raises
    ------
    ScoreError
        The same on all ranks: if a score is negative or not finite, or an argument is wrong.
    """
    own = agreed(comm, lambda: _checked(scores, beta))
    part = part_of(comm, len(own), excluded)
    k = part.query_count(k)
    indices = best_of(comm, part, _perturbed(own, part, beta, seed), k).indices
    return Selection(indices, gathered(comm, part, own, indices))


def _perturbed(scores: NDArray[np.float64], part: Part, beta: float, seed: int) -> NDArray[np.float64]:
    from rose_mpi.uq.kernels.sampling import add_gumbel, logarithms  # noqa: PLC0415  (imports numba)

    values = np.empty(part.count)
    logarithms(scores, values)
    values *= beta
    add_gumbel(uniform(seed, part.first, part.count), values)
    if beta:
        values[scores == 0.0] = -np.inf
    return values


def _checked(scores: ArrayLike, beta: float) -> NDArray[np.float64]:
    own = np.asarray(scores, dtype=np.float64)
    if own.ndim != 1:
        raise ScoreError(f"scores have shape {own.shape}; there must be one per candidate")
    if not np.isfinite(own).all() or own.min(initial=0.0) < 0.0:
        raise ScoreError("power sampling needs scores from 0 on; choose another metric, or another batch")
    if not 0 <= beta < math.inf:
        raise ScoreError(f"beta is {beta!r}; it must be a number from 0 on")
    return own
