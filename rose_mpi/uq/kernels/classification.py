"""Kernels over class probabilities, ``[members, candidates, classes]``.

Candidates are taken in tiles whose sums fit into the cache, so that predictions are read once, as streams.
Loops run over slices from 0: the compiler vectorises them only where it need not check for negative indices.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit

_TILE = 4096
_SMALLEST_PROBABILITY = 2.0**-52


@jit
def _tile_size(classes: int) -> int:
    return max(1, _TILE // classes)


@jit
def _sum_members(
    predictions: NDArray[np.floating], first: int, last: int, total: NDArray[np.float64]
) -> None:
    """Sum the members' predictions of the candidates ``first:last`` into the front of ``total``."""
    members, candidates, classes = predictions.shape
    rows = predictions.reshape(members, candidates * classes)
    total[:] = 0.0
    for member in range(members):
        row = rows[member, first * classes : last * classes]
        for i in range(row.size):
            total[i] += row[i]


@jit
def predictive_entropy(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Entropy of the mean probabilities, in nats: H(E_m p), with 0 log 0 = 0 (Shannon 1948)."""
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    total = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        _sum_members(predictions, first, last, total)
        for i in range(last - first):
            entropy = 0.0
            for k in range(classes):
                p = total[i * classes + k] / members
                if p > 0.0:
                    entropy -= p * log(p)
            scores[first + i] = max(entropy, 0.0)


@jit
def mutual_information(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Entropy of the mean less the mean entropy, in nats: H(E_m p) - E_m H(p) (Houlsby et al. 2011)."""
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    total = np.empty(tile * classes)
    negentropy = np.empty(tile)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total[:] = 0.0
        negentropy[:] = 0.0
        for member in range(members):
            rows = predictions[member, first:last]
            for i in range(last - first):
                for k in range(classes):
                    p = np.float64(rows[i, k])
                    total[i * classes + k] += p
                    if p > 0.0:
                        negentropy[i] += p * log(p)
        for i in range(last - first):
            information = negentropy[i] / members
            for k in range(classes):
                p = total[i * classes + k] / members
                if p > 0.0:
                    information -= p * log(p)
            scores[first + i] = max(information, 0.0)


@jit
def variation_ratio(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Share of members that do not vote for the most voted class (Freeman 1965).

    A member votes for its most probable class, the first of equals.
    """
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    votes = np.empty((tile, classes), np.int64)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        votes[:] = 0
        for member in range(members):
            rows = predictions[member, first:last]
            for i in range(last - first):
                choice = 0
                best = rows[i, 0]
                for k in range(1, classes):
                    if rows[i, k] > best:
                        best = rows[i, k]
                        choice = k
                votes[i, choice] += 1
        for i in range(last - first):
            most = 0
            for k in range(classes):
                most = max(most, votes[i, k])
            scores[first + i] = 1.0 - most / members


@jit
def margin(predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int) -> None:
    """Mean probability of the best class less that of the second best (Scheffer et al. 2001).

    With one class the second best counts as 0.
    """
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    total = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        _sum_members(predictions, first, last, total)
        for i in range(last - first):
            best = 0.0
            second = 0.0
            for k in range(classes):
                p = total[i * classes + k] / members
                if p > best:
                    second = best
                    best = p
                elif p > second:
                    second = p
            scores[first + i] = best - second


@jit
def negative_log_likelihood(
    predictions: NDArray[np.floating],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.int64],
) -> None:
    """Negative logarithm of the true class's mean probability, which counts as 2**-52 at least."""
    members = predictions.shape[0]
    for candidate in range(start, stop):
        total = 0.0
        for member in range(members):
            total += predictions[member, candidate, targets[candidate]]
        scores[candidate] = -log(max(total / members, _SMALLEST_PROBABILITY))
