"""Which candidates to choose, given their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.errors import UsageError

_SAMPLE: Final = 4096
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen candidates, best first.

    Attributes
    ----------
    indices:
        Their places in the pool. int64 ``[q]``
    scores:
        Their scores. float64 ``[q]``
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]


def query_count(query_size: int | float, candidates: int, excluded: int = 0) -> int:
    """How many candidates to choose from a pool.

    Parameters
    ----------
    query_size:
        A whole number, or the fraction of the pool (0 < f < 1), rounded up.
    candidates:
        Size of the pool, excluded ones included.
    excluded:
        How many of them cannot be chosen.

    Raises
    ------
    UsageError
        If ``query_size`` is neither.
    """
    left = candidates - excluded
    if isinstance(query_size, int | np.integer) and not isinstance(query_size, bool) and query_size >= 1:
        return min(int(query_size), left)
    if isinstance(query_size, float | np.floating) and 0 < query_size < 1:
        return min(math.ceil(Decimal(repr(float(query_size))) * candidates), left)
    raise UsageError(
        f"query_size is {query_size!r}; it must be a whole number from 1, or a fraction between 0 and 1"
    )


def top_k(
    scores: NDArray[np.float64],
    k: int,
    *,
    minimise: bool = False,
    indices: NDArray[np.int64] | None = None,
) -> Selection:
    """The ``k`` most uncertain candidates; of equal ones those with the smaller index.

    Parameters
    ----------
    scores:
        One per candidate, none of them NaN. float64 ``[n]``
    k:
        How many; all if there are fewer.
    minimise:
        Whether the smallest scores are the best.
    indices:
        The candidates' places in the pool, all different; ``None``: 0, 1, 2 and so on. int64 ``[n]``
    """
    places = _promising(scores, k, minimise)
    scores = scores[places]
    indices = places if indices is None else indices[places]
    cost = scores if minimise else -scores
    if k < len(cost):
        chosen = _smallest(cost, indices, k)
        cost, scores, indices = cost[chosen], scores[chosen], indices[chosen]
    order = np.lexsort((indices, cost))
    return Selection(indices[order], scores[order])


def merge(selections: Sequence[Selection], k: int, *, minimise: bool = False) -> Selection:
    """The ``k`` best of several selections from different parts of one pool."""
    scores = np.concatenate([selection.scores for selection in selections])
    indices = np.concatenate([selection.indices for selection in selections])
    return top_k(scores, k, minimise=minimise, indices=indices)


def _promising(scores: NDArray[np.float64], k: int, minimise: bool) -> NDArray[np.int64]:
    """Places of few candidates, in order, that hold the ``k`` best and all that equal one of these.

    A sample tells a score that more than ``k`` candidates should reach; all places if fewer do.
    """
    if 0 < k < len(scores) // _FEW:
        sample = scores[:: len(scores) // _SAMPLE + 1]
        expected = k * len(sample) / len(scores)
        rank = int(expected + 4.0 * math.sqrt(expected)) + 4
        if rank < len(sample):
            if minimise:
                places = np.flatnonzero(scores <= np.partition(sample, rank)[rank])
            else:
                places = np.flatnonzero(scores >= np.partition(sample, -rank - 1)[-rank - 1])
            if len(places) >= k:
                return places
    return np.arange(len(scores), dtype=np.int64)


def _smallest(cost: NDArray[np.float64], indices: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Places of the ``k`` smallest costs, in no order, for ``k < len(cost)``."""
    if k == 0:
        return np.empty(0, np.int64)
    bound = np.partition(cost, k - 1)[k - 1]
    below = np.flatnonzero(cost < bound)
    equal = np.flatnonzero(cost == bound)
    equal = equal[np.argsort(indices[equal], kind="stable")]
    return np.concatenate((below, equal[: k - len(below)]))
