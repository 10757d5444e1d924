"""Kernels over predicted values, ``[members, candidates]``.

Candidates are taken in tiles, so that predictions are read once, as streams. Sums are of differences to the
first member's value: a large common offset costs no digits (Chan, Golub and LeVeque 1983, shifted data).
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
    for member in range(1, predictions.shape[0]):
        for candidate in range(first, last):
            difference = np.float64(predictions[member, candidate]) - np.float64(predictions[0, candidate])
            total[candidate - first] += difference
            squares[candidate - first] += difference * difference


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
        for candidate in range(first, last):
            scores[candidate] = _variance(total[candidate - first], squares[candidate - first], members)


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
        for candidate in range(first, last):
            variance = _variance(total[candidate - first], squares[candidate - first], members)
            variance = max(variance, _SMALLEST_VARIANCE)
            error = targets[candidate] - np.float64(predictions[0, candidate])
            error -= total[candidate - first] / members
            scores[candidate] = 0.5 * (log(2.0 * pi * variance) + error * error / variance)


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
        for candidate in range(first, last):
            small = np.float64(predictions[member, candidate])
            large = small
            for order in range(low.shape[0]):
                lowest = low[order, candidate - first]
                highest = high[order, candidate - first]
                low[order, candidate - first] = min(lowest, small)
                small = max(lowest, small)
                high[order, candidate - first] = max(highest, large)
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
        for candidate in range(first, last):
            i = candidate - first
            outer = high[below, i] - low[below, i]
            inner = high[above, i] - low[above, i]
            scores[candidate] = outer - weight * (outer - inner)
