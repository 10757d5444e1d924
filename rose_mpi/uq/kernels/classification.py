"""Kernels over class probabilities, ``[members, candidates, classes]``.

Candidates are taken in tiles whose sums fit into the cache, so that predictions are read once, as streams.
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
    offset = first * classes
    width = (last - first) * classes
    total[:width] = 0.0
    for member in range(members):
        for i in range(width):
            total[i] += rows[member, offset + i]


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
        for candidate in range(first, last):
            entropy = 0.0
            for k in range(classes):
                p = total[(candidate - first) * classes + k] / members
                if p > 0.0:
                    entropy -= p * log(p)
            scores[candidate] = max(entropy, 0.0)


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
            for candidate in range(first, last):
                for k in range(classes):
                    p = np.float64(predictions[member, candidate, k])
                    total[(candidate - first) * classes + k] += p
                    if p > 0.0:
                        negentropy[candidate - first] += p * log(p)
        for candidate in range(first, last):
            information = negentropy[candidate - first] / members
            for k in range(classes):
                p = total[(candidate - first) * classes + k] / members
                if p > 0.0:
                    information -= p * log(p)
            scores[candidate] = max(information, 0.0)


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
            for candidate in range(first, last):
                choice = 0
                for k in range(1, classes):
                    if predictions[member, candidate, k] > predictions[member, candidate, choice]:
                        choice = k
                votes[candidate - first, choice] += 1
        for candidate in range(first, last):
            most = 0
            for k in range(classes):
                most = max(most, votes[candidate - first, k])
            scores[candidate] = 1.0 - most / members


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
        for candidate in range(first, last):
            best = 0.0
            second = 0.0
            for k in range(classes):
                p = total[(candidate - first) * classes + k] / members
                if p > best:
                    second = best
                    best = p
                elif p > second:
                    second = p
            scores[candidate] = best - second


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
