"""Kernels over predicted values, ``[members, candidates]``.

Candidates are taken in tiles, so that predictions are read once, as streams, several members at a time. What
is kept for a tile lies in one array at fixed distances, which the compiler tells apart from up to eight rows.
Sums are of differences to the first member's value: a large common offset costs no digits (Chan, Golub and
LeVeque 1983, shifted data).
Loops run over slices from 0: the compiler vectorises them only where it need not check for negative indices.
"""

from __future__ import annotations

from math import floor, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log
from rose_mpi.uq.kernels.moments import MOMENTS, ORIGIN, SQUARES, TILE, sum_differences, variance_of
from rose_mpi.uq.kernels.sums import row

_PAIR_TILE = 512
_COVERAGE = 0.95
_SMALLEST_VARIANCE = 1e-8


@jit
def predictive_variance(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Variance over the members, divided by their number (not one less)."""
    members = offsets.size
    moments = np.empty(MOMENTS)
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        sum_differences(values, offsets, first, last, moments)
        result = scores[first:last]
        for i in range(result.size):
            result[i] = variance_of(moments[i], moments[SQUARES + i], members)


@jit
def predictive_std(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Standard deviation over the members: the root of :func:`predictive_variance`."""
    predictive_variance(values, offsets, scores, start, stop)
    for i in range(start, stop):
        scores[i] = sqrt(scores[i])


@jit
def negative_log_likelihood(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.float64],
) -> None:
    """Negative logarithm of the target's density under a normal with the members' mean and variance.

    ``log(2 pi v) / 2 + (y - mean)**2 / (2 v)``, where ``v`` is the variance but at least 1e-8, so that
    members in full agreement give a finite score.
    """
    members = offsets.size
    moments = np.empty(MOMENTS)
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        sum_differences(values, offsets, first, last, moments)
        result = scores[first:last]
        true_values = targets[first:last]
        for i in range(result.size):
            variance = max(variance_of(moments[i], moments[SQUARES + i], members), _SMALLEST_VARIANCE)
            error = true_values[i] - moments[ORIGIN + i] - moments[i] / members
            result[i] = 0.5 * (natural_log(2.0 * pi * variance) + error * error / variance)


@jit
def _add_eight_distances(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    member: int,
    first: int,
    last: int,
    distances: NDArray[np.float64],
) -> None:
    a, b = row(values, offsets, member, first, last), row(values, offsets, member + 1, first, last)
    c, d = row(values, offsets, member + 2, first, last), row(values, offsets, member + 3, first, last)
    e, f = row(values, offsets, member + 4, first, last), row(values, offsets, member + 5, first, last)
    g, h = row(values, offsets, member + 6, first, last), row(values, offsets, member + 7, first, last)
    for i in range(a.size):
        total = distances[i]
        for value in (a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]):
            total += abs(np.float64(value) - distances[_PAIR_TILE + i])
        distances[i] = total


@jit
def _add_distances(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    members: int,
    first: int,
    last: int,
    distances: NDArray[np.float64],
) -> None:
    """Add each candidate's distances of the first ``members`` to what lies from ``_PAIR_TILE`` on."""
    in_eights = members - members % 8
    for member in range(0, in_eights, 8):
        _add_eight_distances(values, offsets, member, first, last, distances)
    for member in range(in_eights, members):
        one = row(values, offsets, member, first, last)
        for i in range(one.size):
            distances[i] += abs(np.float64(one[i]) - distances[_PAIR_TILE + i])


@jit
def crps(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.float64],
) -> None:
    """Continuous ranked probability score of the members' empirical distribution, in the target's unit.

    ``E|X - y| - E|X - X'| / 2``, both means over all members, pairs of a member with itself included
    (Gneiting and Raftery 2007). The work grows with the square of the members.
    """
    members = offsets.size
    distances = np.empty(2 * _PAIR_TILE)
    for first in range(start, stop, _PAIR_TILE):
        last = min(first + _PAIR_TILE, stop)
        result = scores[first:last]
        distances[:_PAIR_TILE] = 0.0
        distances[_PAIR_TILE : _PAIR_TILE + result.size] = targets[first:last]
        _add_distances(values, offsets, members, first, last, distances)
        for i in range(result.size):
            result[i] = distances[i] / members
        distances[:_PAIR_TILE] = 0.0
        for member in range(1, members):
            distances[_PAIR_TILE : _PAIR_TILE + result.size] = row(values, offsets, member, first, last)
            _add_distances(values, offsets, member, first, last, distances)
        for i in range(result.size):
            result[i] = max(result[i] - distances[i] / members / members, 0.0)


@jit
def _keep_four(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    member: int,
    first: int,
    last: int,
    extremes: NDArray[np.floating],
) -> bool:
    """Insert four members' values into the three smallest and the three largest; whether all are finite."""
    a, b = row(values, offsets, member, first, last), row(values, offsets, member + 1, first, last)
    c, d = row(values, offsets, member + 2, first, last), row(values, offsets, member + 3, first, last)
    finite = True
    for i in range(a.size):
        low, second_low, third_low = extremes[i], extremes[TILE + i], extremes[2 * TILE + i]
        high, second_high = extremes[3 * TILE + i], extremes[4 * TILE + i]
        third_high = extremes[5 * TILE + i]
        for value in (a[i], b[i], c[i], d[i]):
            finite &= value - value == 0.0
            passed = max(low, value)
            low = min(low, value)
            third_low = min(third_low, max(second_low, passed))
            second_low = min(second_low, passed)
            passed = min(high, value)
            high = max(high, value)
            third_high = max(third_high, min(second_high, passed))
            second_high = max(second_high, passed)
        extremes[i], extremes[TILE + i], extremes[2 * TILE + i] = low, second_low, third_low
        extremes[3 * TILE + i], extremes[4 * TILE + i] = high, second_high
        extremes[5 * TILE + i] = third_high
    return finite


@jit
def _keep_one(
    values: NDArray[np.floating], extremes: NDArray[np.floating], kept: int, passed: NDArray[np.floating]
) -> bool:
    """Insert one member's values, carried on by ``passed`` from order to order; whether all are finite."""
    finite = True
    for i in range(values.size):
        finite &= values[i] - values[i] == 0.0
        passed[i] = values[i]
        passed[TILE + i] = values[i]
    for order in range(kept):
        low = extremes[order * TILE : order * TILE + values.size]
        high = extremes[(kept + order) * TILE : (kept + order) * TILE + values.size]
        for i in range(values.size):
            lowest, small = low[i], passed[i]
            highest, large = high[i], passed[TILE + i]
            low[i], passed[i] = min(lowest, small), max(lowest, small)
            high[i], passed[TILE + i] = max(highest, large), min(highest, large)
    return finite


@jit
def predictive_interval_width(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Distance between the members' 2.5 % and 97.5 % quantiles.

    Quantiles are interpolated linearly between order statistics (definition 7 of Hyndman and Fan 1996),
    of which only the extreme ones are needed and kept: three from either side for up to 80 members.
    """
    members = offsets.size
    rank = (members - 1) * (1.0 - _COVERAGE) / 2.0
    below = floor(rank)
    weight = rank - below
    above = min(below + 1, members - 1)
    kept = max(above + 1, 3)
    in_fours = members - members % 4 if kept == 3 else 0
    extremes = np.empty(2 * kept * TILE, values.dtype)
    passed = np.empty(2 * TILE, values.dtype)
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        extremes[: kept * TILE] = np.inf
        extremes[kept * TILE :] = -np.inf
        finite = True
        for member in range(0, in_fours, 4):
            finite &= _keep_four(values, offsets, member, first, last, extremes)
        for member in range(in_fours, members):
            finite &= _keep_one(row(values, offsets, member, first, last), extremes, kept, passed)
        low = extremes[: kept * TILE].reshape(kept, TILE)
        high = extremes[kept * TILE :].reshape(kept, TILE)
        for i in range(last - first):
            outer = np.float64(high[below, i]) - np.float64(low[below, i])
            inner = np.float64(high[above, i]) - np.float64(low[above, i])
            scores[first + i] = outer - weight * (outer - inner) if finite else np.nan
