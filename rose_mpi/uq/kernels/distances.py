"""Kernels over features of candidates, ``[candidates, features]``: how far they are from what was chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log

_TILE = 512
_SMALLEST_NORMAL = 2.0**-1022
_LOWEST = -(2.0**1023)


@jit
def _approach_one(row: NDArray[np.floating], centre: NDArray[np.float64], before: float) -> float:
    square = 0.0
    for j in range(row.size):
        difference = np.float64(row[j]) - centre[j]
        square += difference * difference
    return min(square, before)


@jit
def _approach_tile(
    rows: NDArray[np.floating], centre: NDArray[np.float64], squares: NDArray[np.float64]
) -> None:
    """Four candidates at a time, so that their sums do not wait for each other."""
    in_fours = rows.shape[0] - rows.shape[0] % 4
    for i in range(0, in_fours, 4):
        a, b, c, d = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        square_a, square_b, square_c, square_d = 0.0, 0.0, 0.0, 0.0
        for j in range(a.size):
            difference = np.float64(a[j]) - centre[j]
            square_a += difference * difference
            difference = np.float64(b[j]) - centre[j]
            square_b += difference * difference
            difference = np.float64(c[j]) - centre[j]
            square_c += difference * difference
            difference = np.float64(d[j]) - centre[j]
            square_d += difference * difference
        squares[i] = min(square_a, squares[i])
        squares[i + 1] = min(square_b, squares[i + 1])
        squares[i + 2] = min(square_c, squares[i + 2])
        squares[i + 3] = min(square_d, squares[i + 3])
    for i in range(in_fours, rows.shape[0]):
        squares[i] = _approach_one(rows[i], centre, squares[i])


@jit
def approach(
    features: NDArray[np.floating],
    centres: NDArray[np.float64],
    squares: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Lower ``squares[start:stop]``, the squared distances to the nearest centre, for more ``centres``.

    Candidates are taken in tiles that stay in the cache for all centres.
    """
    for first in range(start, stop, _TILE):
        last = min(first + _TILE, stop)
        for centre in range(centres.shape[0]):
            _approach_tile(features[first:last], centres[centre], squares[first:last])


@jit
def weigh(
    log_scores: NDArray[np.float64],
    squares: NDArray[np.float64],
    weight: float,
    values: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Logarithm of ``score**(1 - weight) * distance**weight`` into ``values[start:stop]``.

    It is the smallest number where the distance is 0 and counts, and minus infinity where the square is: such
    a candidate must not be chosen.
    """
    for i in range(start, stop):
        square = squares[i]
        if square < 0.0:
            values[i] = -np.inf
        elif weight > 0.0 and square < _SMALLEST_NORMAL:
            values[i] = _LOWEST
        else:
            values[i] = (1.0 - weight) * log_scores[i] + weight * 0.5 * natural_log(square)
