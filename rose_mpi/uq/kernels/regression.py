"""Kernels over predicted values, ``[members, candidates]``.

Candidates are taken in tiles, so that predictions are read once, as streams. Sums are of differences to the
first member's value: a large common offset costs no digits (Chan, Golub and LeVeque 1983, shifted data).
Loops run over slices from 0: the compiler vectorises them only where it need not check for negative indices.
"""

from __future__ import annotations

from math import floor, log, pi

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit

_TILE = 1024
_COVERAGE = 0.95
_SMALLEST_VARIANCE = 1e-8


@jit
def _sum_differences(
    predictions: NDArray[np.floating],
    first: int,
    last: int,
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> None:
    """Sum each candidate's differences to its first member, and their squares."""
    total[:] = 0.0
    squares[:] = 0.0
    origin = predictions[0, first:last]
    for member in range(1, predictions.shape[0]):
        values = predictions[member, first:last]
        for i in range(values.size):
            difference = np.float64(values[i]) - np.float64(origin[i])
            total[i] += difference
            squares[i] += difference * difference


@jit
def _variance(total: float, squares: float, members: int) -> float:
    return max((squares - total * total / members) / members, 0.0)


@jit
def predictive_variance(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Variance over the members, divided by their number (not one less)."""
    members = predictions.shape[0]
    total = np.empty(_TILE)
    squares = np.empty(_TILE)
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        _sum_differences(predictions, first, last, total, squares)
        for i in range(last - first):
            scores[first + i] = _variance(total[i], squares[i], members)


@jit
def negative_log_likelihood(
    predictions: NDArray[np.floating],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.float64],
) -> None:
    """Negative logarithm of the target's density under a normal with the members' mean and variance.

    ``log(2 pi v) / 2 + (y - mean)**2 / (2 v)``, where ``v`` is the variance but at least 1e-8, so that
    members in full agreement give a finite score.
    """
    members = predictions.shape[0]
    total = np.empty(_TILE)
    squares = np.empty(_TILE)
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        _sum_differences(predictions, first, last, total, squares)
        for i in range(last - first):
            variance = max(_variance(total[i], squares[i], members), _SMALLEST_VARIANCE)
            error = targets[first + i] - np.float64(predictions[0, first + i]) - total[i] / members
            scores[first + i] = 0.5 * (log(2.0 * pi * variance) + error * error / variance)


@jit
def _keep_extremes(
    predictions: NDArray[np.floating],
    first: int,
    last: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Sort each candidate's smallest values into ``low``, from the smallest, its largest into ``high``."""
    low[:] = np.inf
    high[:] = -np.inf
    for member in range(predictions.shape[0]):
        values = predictions[member, first:last]
        for i in range(values.size):
            small = np.float64(values[i])
            large = small
            for order in range(low.shape[0]):
                lowest = low[order, i]
                highest = high[order, i]
                low[order, i] = min(lowest, small)
                small = max(lowest, small)
                high[order, i] = max(highest, large)
                large = min(highest, large)


@jit
def predictive_interval_width(
    predictions: NDArray[np.floating], scores: NDArray[np.float64], start: int, stop: int
) -> None:
    """Distance between the members' 2.5 % and 97.5 % quantiles.

    Quantiles are interpolated linearly between order statistics (definition 7 of Hyndman and Fan 1996),
    of which only the extreme ones are needed and kept.
    """
    members = predictions.shape[0]
    rank = (members - 1) * (1.0 - _COVERAGE) / 2.0
    below = floor(rank)
    weight = rank - below
    above = min(below + 1, members - 1)
    low = np.empty((above + 1, _TILE))
    high = np.empty((above + 1, _TILE))
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        _keep_extremes(predictions, first, last, low, high)
        for i in range(last - first):
            outer = high[below, i] - low[below, i]
            inner = high[above, i] - low[above, i]
            scores[first + i] = outer - weight * (outer - inner)
