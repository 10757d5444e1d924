"""A choice of candidates whose labels together tell most about the members of an ensemble."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.metrics import MUTUAL_INFORMATION
from rose_mpi.uq.agreement import Communicator, agreed
from rose_mpi.uq.evaluate import evaluate, working_dtype
from rose_mpi.uq.parts import Part, best_of, part_of
from rose_mpi.uq.paths import Paths
from rose_mpi.uq.registry import CLASSIFICATION, METRICS
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.selection import Selection
from rose_mpi.uq.validation import check_prediction

SAMPLES: Final = 1000
"""Combinations of labels that are looked at, unless the caller says otherwise."""

_SHORTLIST: Final = 5000
_AT_ONCE: Final = 64
_ROUNDING: Final = 1e-12
_NOTHING: Final = 1e-6


def batch_bald(
    comm: Communicator,
    predictions: ArrayLike,
    k: int | float,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    excluded: ArrayLike | None = None,
) -> Selection:
    """Choose the candidates whose labels together tell most about the members (Kirsch et al. 2019).

    Each choice adds most to the mutual information between members and labels of those chosen before. All
    combinations of their labels are looked at while they are no more than ``samples``, then so many random
    ones, which the members predict in turn. Only the 5000 candidates (50 ``k`` if that is more) with the
    largest mutual information of their own are considered: no other one can add more than that. An ensemble
    has no more to tell than the logarithm of its size; when nothing is left, the rest is chosen by what each
    tells alone. Collective over ``comm``; the result is the same on all ranks and for any number of them.

    Parameters
    ----------
    predictions:
        Probabilities by all members for this rank's candidates, ``[members, candidates, classes]``; the parts
        of the pool follow each other by rank.
    k:
        How many candidates to choose: a number, or the fraction of the pool (0 < f < 1).
    samples:
        Combinations of labels at most; the work grows with it.
    excluded:
        Candidates of the pool that must not be chosen; the same on all ranks.

    Returns
    -------
    Selection
        In the order of choice; the scores are what each one adds, in nats.

    Raises
    ------
    ScoreError
        The same on all ranks: if predictions are no probabilities or do not fit, or an argument is wrong.
    """
    own = agreed(comm, lambda: _checked(predictions, samples))
    part = part_of(comm, own.shape[1], excluded)
    shortlist = _shortlist(comm, part, own, part.query_count(k))
    rows = _rows_of(comm, part, own, shortlist.indices)
    return choose_jointly(comm, rows, shortlist, part.query_count(k), int(samples), seed)


def shortlist_size(k: int) -> int:
    """How many of the most informative candidates are considered."""
    return max(_SHORTLIST, 50 * k)


def choose_jointly(
    comm: Communicator,
    predictions: NDArray[np.floating],
    shortlist: Selection,
    k: int,
    samples: int,
    seed: int,
) -> Selection:
    """Choose from a shortlist that is known on all ranks. Collective.

    Parameters
    ----------
    predictions:
        Those for the shortlist, the same on all ranks. ``[members, candidates, classes]``
    shortlist:
        Candidates with their own mutual information, from the largest on.
    """
    paths = Paths(len(predictions), samples, seed)
    bounds = shortlist.scores.copy()
    taken: list[int] = []
    gains = np.zeros(k)
    while len(taken) < k:
        place = _best(comm, predictions, paths, bounds, shortlist.indices)
        if bounds[place] < _NOTHING:
            taken += [int(rest) for rest in np.flatnonzero(np.isfinite(bounds))[: k - len(taken)]]
            break
        gains[len(taken)] = bounds[place]
        taken.append(place)
        bounds[place] = -np.inf
        paths.extend(predictions[:, place])
    return Selection(shortlist.indices[taken], gains)


def _best(
    comm: Communicator,
    predictions: NDArray[np.floating],
    paths: Paths,
    bounds: NDArray[np.float64],
    indices: NDArray[np.int64],
) -> int:
    """Place of the candidate that adds most; ``bounds`` are lowered to what was found.

    What a candidate adds falls as others are chosen (Minoux 1978), so that those whose bound is below the
    best found need no new look. The order of looking is the same for any number of ranks.
    """
    order = np.lexsort((indices, -bounds))
    best = -1
    for start in range(0, len(order), _AT_ONCE):
        places = order[start : start + _AT_ONCE]
        if best >= 0 and bounds[places[0]] < bounds[best] - _ROUNDING:
            break
        places = places[np.isfinite(bounds[places])]
        bounds[places] = _gains(comm, predictions, paths, places)
        seen = places if best < 0 else np.append(places, best)
        best = int(seen[np.lexsort((indices[seen], -bounds[seen]))[0]])
    return best


def _gains(
    comm: Communicator, predictions: NDArray[np.floating], paths: Paths, places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What each candidate adds, worked out by all ranks together."""
    from rose_mpi.uq.kernels.joint_entropy import information_gains  # noqa: PLC0415  (imports numba)

    own = places[len(places) * comm.rank // comm.size : len(places) * (comm.rank + 1) // comm.size]
    gains = np.empty(len(own))
    information_gains(predictions, paths.weights, paths.chances, own, gains)
    return np.concatenate(comm.allgather(gains))


def _shortlist(comm: Communicator, part: Part, own: NDArray[np.floating], k: int) -> Selection:
    scores = evaluate(METRICS[MUTUAL_INFORMATION], UQScorer(CLASSIFICATION), own)
    return best_of(comm, part, scores, shortlist_size(k))


def _rows_of(
    comm: Communicator, part: Part, own: NDArray[np.floating], indices: NDArray[np.int64]
) -> NDArray[np.floating]:
    """All members' predictions for some candidates of the pool, on every rank."""
    local = np.flatnonzero((indices >= part.first) & (indices < part.first + part.count))
    pieces: list[tuple[NDArray[np.int64], NDArray[np.floating]]] = comm.allgather(
        (local, own[:, indices[local] - part.first])
    )
    shapes = {piece.shape[::2] for _, piece in pieces if piece.shape[1]} or {own.shape[::2]}
    if len(shapes) > 1:
        raise ScoreError(f"predictions have {sorted(shapes)} members and classes; it must be the same on all")
    ((members, classes),) = shapes
    dtype = np.result_type(*(piece.dtype for _, piece in pieces))
    rows = np.empty((members, len(indices), classes), dtype)
    for places, piece in pieces:
        rows[:, places] = piece.reshape(members, len(places), classes)
    return rows


def _checked(predictions: ArrayLike, samples: int) -> NDArray[np.floating]:
    given: NDArray[Any] = np.asarray(predictions)
    if given.ndim != 3 or 0 in (len(given), given.shape[2]):
        raise ScoreError(f"predictions have shape {given.shape}; they must be [members, candidates, classes]")
    if samples < 1 or samples != int(samples):
        raise ScoreError(f"samples is {samples!r}; it must be a whole number from 1 on")
    own = np.ascontiguousarray(given, dtype=working_dtype([given.dtype]))
    for member, rows in enumerate(own):
        check_prediction(rows, member, CLASSIFICATION, own.dtype)
    return own
