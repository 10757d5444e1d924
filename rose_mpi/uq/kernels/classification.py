"""Kernels over class probabilities, ``[members, candidates, classes]``.

Candidates are taken in tiles that fit into the cache. The sums over the members come first and read a tile
from memory, as streams; what else a metric asks of it is then in the cache.
Loops run over slices from 0: the compiler vectorises them only where it need not check for negative indices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.divergence import mean_divergence
from rose_mpi.uq.kernels.entropies import PIECE, SUMS, TERMS, sum_with_terms
from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log, quotient, x_log_x
from rose_mpi.uq.kernels.sums import misses_one, row, sum_members, tile_size

_SMALLEST_PROBABILITY = 2.0**-52
_NEARLY_AGREED = 2.0**-11
_NEARLY_AGREED_IN_FLOAT32 = 2.0**-30


@jit
def predictive_entropy(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """Entropy of the mean probabilities, in nats: H(E_m p), with 0 log 0 = 0 (Shannon 1948)."""
    suspect = False
    members = float(offsets.size)
    reciprocal = 1.0 / members
    tile = tile_size(offsets.size, classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total, bad = sum_members(values, offsets, classes, first, last, space)
        suspect |= bad
        terms = space[: total.size]
        for i in range(terms.size):
            terms[i] = x_log_x(quotient(terms[i], members, reciprocal))
        for i in range(total.shape[0]):
            entropy = 0.0
            for k in range(classes):
                entropy -= total[i, k]
            scores[first + i] = max(entropy, 0.0)
    return suspect


@jit
def mutual_information(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """Entropy of the mean less the mean entropy, in nats: H(E_m p) - E_m H(p) (Houlsby et al. 2011).

    Where members so nearly agree that its digits cancel, it is the mean divergence from their mean, which is
    the same and takes longer.
    """
    members = offsets.size
    reciprocal = 1.0 / members
    suspect = False
    tile = max(1, PIECE // classes)
    totals, terms, sums = np.empty((tile, classes)), np.empty((tile, classes)), np.empty(SUMS)
    means = np.empty(classes)
    agreed = _NEARLY_AGREED if values.itemsize == 8 else _NEARLY_AGREED_IN_FLOAT32
    flat_totals, flat_terms = totals.reshape(-1), terms.reshape(-1)
    for first in range(start, stop, tile):
        count = min(tile, stop - first)
        for done in range(0, count * classes, PIECE):
            length = min(PIECE, count * classes - done)
            begin = first * classes + done
            suspect |= sum_with_terms(values, offsets, begin, begin + length, sums)
            piece_totals, piece_terms = flat_totals[done : done + length], flat_terms[done : done + length]
            for i in range(length):
                mean = quotient(sums[i], float(members), reciprocal)
                piece_totals[i] = sums[i]
                piece_terms[i] = sums[TERMS + i] * reciprocal - x_log_x(mean)
        suspect |= misses_one(totals[:count], members)
        for i in range(count):
            information = 0.0
            for k in range(classes):
                information += terms[i, k]
            if information < agreed:
                for k in range(classes):
                    means[k] = quotient(totals[i, k], float(members), reciprocal)
                information = mean_divergence(values, offsets, (first + i) * classes, means)
            scores[first + i] = max(information, 0.0)
    return suspect


average_kl = mutual_information
"""Mean Kullback-Leibler divergence of the members from their mean, in nats: E_m KL(p || E_m p).

McCallum and Nigam (1998); it equals the mutual information, since ``E_m sum p log E_m p = -H(E_m p)``.
"""


@jit
def _add_votes(rows: NDArray[np.floating], votes: NDArray[np.int32]) -> None:
    """Count one member's votes. Choices are made without branches, which could not be foretold."""
    for i in range(rows.shape[0]):
        choice = 0
        best = rows[i, 0]
        for k in range(1, rows.shape[1]):
            p = rows[i, k]
            choice = k if p > best else choice
            best = p if p > best else best
        votes[i, choice] += 1


@jit
def _count_votes(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    first: int,
    last: int,
    space: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The members' votes for each class, ``[last - first, classes]``, in ``space``."""
    votes = space[: last - first]
    votes[:] = 0
    for member in range(offsets.size):
        rows = row(values, offsets, member, first * classes, last * classes)
        _add_votes(rows.reshape(last - first, classes), votes)
    return votes


@jit
def variation_ratio(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """Share of members that do not vote for the most voted class (Freeman 1965).

    A member votes for its most probable class, the first of equals.
    """
    suspect = False
    tile = tile_size(offsets.size, classes)
    sums = np.empty(tile * classes)
    space = np.empty((tile, classes), np.int32)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        suspect |= sum_members(values, offsets, classes, first, last, sums)[1]
        votes = _count_votes(values, offsets, classes, first, last, space)
        for i in range(votes.shape[0]):
            most = 0
            for k in range(classes):
                most = max(most, votes[i, k])
            scores[first + i] = 1.0 - most / offsets.size
    return suspect


@jit
def vote_entropy(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """Entropy of the shares of votes, in nats: ``-sum_k V_k/M log V_k/M`` (Dagan and Engelson 1995).

    A member votes for its most probable class, the first of equals.
    """
    suspect = False
    tile = tile_size(offsets.size, classes)
    sums = np.empty(tile * classes)
    space = np.empty((tile, classes), np.int32)
    terms = np.empty(offsets.size + 1)
    for count in range(terms.size):
        terms[count] = x_log_x(count / offsets.size)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        suspect |= sum_members(values, offsets, classes, first, last, sums)[1]
        votes = _count_votes(values, offsets, classes, first, last, space)
        for i in range(votes.shape[0]):
            entropy = 0.0
            for k in range(classes):
                entropy -= terms[votes[i, k]]
            scores[first + i] = max(entropy, 0.0)
    return suspect


@jit
def least_confidence(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """What the mean probability of the best class lacks to 1 (Lewis and Gale 1994)."""
    suspect = False
    tile = tile_size(offsets.size, classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total, bad = sum_members(values, offsets, classes, first, last, space)
        suspect |= bad
        for i in range(total.shape[0]):
            best = 0.0
            for k in range(classes):
                best = max(best, total[i, k])
            scores[first + i] = 1.0 - best / offsets.size
    return suspect


@jit
def margin(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> bool:
    """Mean probability of the best class less that of the second best (Scheffer et al. 2001).

    With one class the second best counts as 0.
    """
    suspect = False
    tile = tile_size(offsets.size, classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total, bad = sum_members(values, offsets, classes, first, last, space)
        suspect |= bad
        for i in range(total.shape[0]):
            best = 0.0
            second = 0.0
            for k in range(classes):
                p = total[i, k]
                second = max(second, min(best, p))
                best = max(best, p)
            scores[first + i] = (best - second) / offsets.size
    return suspect


@jit
def negative_log_likelihood(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.int64],
) -> bool:
    """Negative logarithm of the true class's mean probability, which counts as 2**-52 at least."""
    suspect = False
    tile = tile_size(offsets.size, classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total, bad = sum_members(values, offsets, classes, first, last, space)
        suspect |= bad
        for i in range(total.shape[0]):
            p = total[i, targets[first + i]] / offsets.size
            scores[first + i] = -natural_log(max(p, _SMALLEST_PROBABILITY))
    return suspect
