"""Kernels over class probabilities, ``[members, candidates, classes]``.

Candidates are taken in tiles whose sums fit into the cache, so that predictions are read once, as streams;
several members are added at a time: eight rows are what the compiler tells apart from one array of sums.
Loops run over slices from 0: the compiler vectorises them only where it need not check for negative indices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log, x_log_x

_TILE = 8192
_SMALLEST_PROBABILITY = 2.0**-52


@jit
def _tile_size(classes: int) -> int:
    return max(1, _TILE // classes)


@jit
def _add_eight(rows: NDArray[np.floating], member: int, first: int, total: NDArray[np.float64]) -> None:
    """Add to ``total`` what eight members say from the place ``first`` on."""
    last = first + total.size
    a, b = rows[member, first:last], rows[member + 1, first:last]
    c, d = rows[member + 2, first:last], rows[member + 3, first:last]
    e, f = rows[member + 4, first:last], rows[member + 5, first:last]
    g, h = rows[member + 6, first:last], rows[member + 7, first:last]
    for i in range(total.size):
        total[i] = total[i] + np.float64(a[i]) + b[i] + c[i] + d[i] + e[i] + f[i] + g[i] + h[i]


@jit
def _add_one(rows: NDArray[np.floating], member: int, first: int, total: NDArray[np.float64]) -> None:
    row = rows[member, first : first + total.size]
    for i in range(total.size):
        total[i] += row[i]


@jit
def _sum_members(
    predictions: NDArray[np.floating], first: int, last: int, space: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The members' sums for the candidates ``first:last``, ``[last - first, classes]``, in ``space``."""
    members, candidates, classes = predictions.shape
    rows = predictions.reshape(members, candidates * classes)
    total = space[: (last - first) * classes]
    total[:] = 0.0
    in_eights = members - members % 8
    for member in range(0, in_eights, 8):
        _add_eight(rows, member, first * classes, total)
    for member in range(in_eights, members):
        _add_one(rows, member, first * classes, total)
    return total.reshape(last - first, classes)


@jit
def predictive_entropy(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Entropy of the mean probabilities, in nats: H(E_m p), with 0 log 0 = 0 (Shannon 1948)."""
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total = _sum_members(predictions, first, last, space)
        terms = space[: total.size]
        for i in range(terms.size):
            terms[i] = x_log_x(terms[i] / members)
        for i in range(total.shape[0]):
            entropy = 0.0
            for k in range(total.shape[1]):
                entropy -= total[i, k]
            scores[first + i] = max(entropy, 0.0)


@jit
def _add_terms_of_two(
    row: NDArray[np.floating],
    other: NDArray[np.floating],
    total: NDArray[np.float64],
    negentropy: NDArray[np.float64],
) -> None:
    for i in range(row.size):
        p = np.float64(row[i])
        q = np.float64(other[i])
        total[i] = total[i] + p + q
        negentropy[i] = negentropy[i] + x_log_x(p) + x_log_x(q)


@jit
def _add_terms(
    row: NDArray[np.floating], total: NDArray[np.float64], negentropy: NDArray[np.float64]
) -> None:
    for i in range(row.size):
        p = np.float64(row[i])
        total[i] += p
        negentropy[i] += x_log_x(p)


@jit
def mutual_information(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Entropy of the mean less the mean entropy, in nats: H(E_m p) - E_m H(p) (Houlsby et al. 2011)."""
    members, candidates, classes = predictions.shape
    rows = predictions.reshape(members, candidates * classes)
    tile = _tile_size(classes)
    total = np.empty(tile * classes)
    negentropy = np.empty((tile, classes))
    terms = negentropy.reshape(-1)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        begin, end = first * classes, last * classes
        total[:] = 0.0
        terms[:] = 0.0
        for member in range(0, members - 1, 2):
            _add_terms_of_two(rows[member, begin:end], rows[member + 1, begin:end], total, terms)
        if members % 2:
            _add_terms(rows[members - 1, begin:end], total, terms)
        for i in range(terms.size):
            terms[i] = terms[i] / members - x_log_x(total[i] / members)
        for i in range(last - first):
            information = 0.0
            for k in range(negentropy.shape[1]):
                information += negentropy[i, k]
            scores[first + i] = max(information, 0.0)


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
    predictions: NDArray[np.floating], first: int, last: int, space: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The members' votes for each class, ``[last - first, classes]``, in ``space``."""
    votes = space[: last - first]
    votes[:] = 0
    for member in range(predictions.shape[0]):
        _add_votes(predictions[member, first:last], votes)
    return votes


@jit
def variation_ratio(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Share of members that do not vote for the most voted class (Freeman 1965).

    A member votes for its most probable class, the first of equals.
    """
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    space = np.empty((tile, classes), np.int32)
    for first in range(start, stop, tile):
        votes = _count_votes(predictions, first, min(first + tile, stop), space)
        for i in range(votes.shape[0]):
            most = 0
            for k in range(votes.shape[1]):
                most = max(most, votes[i, k])
            scores[first + i] = 1.0 - most / members


@jit
def vote_entropy(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Entropy of the shares of votes, in nats: ``-sum_k V_k/M log V_k/M`` (Dagan and Engelson 1995).

    A member votes for its most probable class, the first of equals.
    """
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    space = np.empty((tile, classes), np.int32)
    terms = np.empty(members + 1)
    for count in range(members + 1):
        terms[count] = x_log_x(count / members)
    for first in range(start, stop, tile):
        votes = _count_votes(predictions, first, min(first + tile, stop), space)
        for i in range(votes.shape[0]):
            entropy = 0.0
            for k in range(votes.shape[1]):
                entropy -= terms[votes[i, k]]
            scores[first + i] = max(entropy, 0.0)


@jit
def least_confidence(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """What the mean probability of the best class lacks to 1 (Lewis and Gale 1994)."""
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total = _sum_members(predictions, first, last, space)
        for i in range(total.shape[0]):
            best = 0.0
            for k in range(total.shape[1]):
                best = max(best, total[i, k])
            scores[first + i] = 1.0 - best / members


@jit
def margin(predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int) -> None:
    """Mean probability of the best class less that of the second best (Scheffer et al. 2001).

    With one class the second best counts as 0.
    """
    members, _, classes = predictions.shape
    tile = _tile_size(classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total = _sum_members(predictions, first, last, space)
        for i in range(total.shape[0]):
            best = 0.0
            second = 0.0
            for k in range(total.shape[1]):
                p = total[i, k]
                second = max(second, min(best, p))
                best = max(best, p)
            scores[first + i] = (best - second) / members


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
        scores[candidate] = -natural_log(max(total / members, _SMALLEST_PROBABILITY))
