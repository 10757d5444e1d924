"""Kernels over features of candidates: how far they are from what was chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log

_SMALLEST_NORMAL = 2.0**-1022
_LOWEST = -(2.0**1023)


@jit
def _add_four_squares(
    block: NDArray[np.floating], centre: NDArray[np.float64], feature: int, total: NDArray[np.float64]
) -> None:
    a, b, c, d = block[feature], block[feature + 1], block[feature + 2], block[feature + 3]
    p, q, r, s = centre[feature], centre[feature + 1], centre[feature + 2], centre[feature + 3]
    for i in range(total.size):
        w, x, y, z = np.float64(a[i]) - p, np.float64(b[i]) - q, np.float64(c[i]) - r, np.float64(d[i]) - s
        total[i] = total[i] + w * w + x * x + y * y + z * z


@jit
def _add_squares(values: NDArray[np.floating], centre: float, total: NDArray[np.float64]) -> None:
    for i in range(total.size):
        difference = np.float64(values[i]) - centre
        total[i] += difference * difference


@jit
def approach(
    blocks: NDArray[np.floating],
    centres: NDArray[np.float64],
    squares: NDArray[np.float64],
    start: int,
    stop: int,
) -> None:
    """Lower ``squares[start:stop]``, the squared distances to the nearest centre, for more ``centres``.

    Parameters
    ----------
    blocks:
        Features of as many candidates at a time as stay in the cache for all centres, one feature after the
        other. ``[blocks, features, candidates of a block]``
    centres:
        ``[centres, features]``
    start:
        First candidate of a block.
    """
    _, features, size = blocks.shape
    in_fours = features - features % 4
    space = np.empty(size)
    for first in range(start, stop, size):
        nearest = squares[first : min(first + size, stop)]
        block, total = blocks[first // size], space[: nearest.size]
        for centre in range(centres.shape[0]):
            total[:] = 0.0
            for feature in range(0, in_fours, 4):
                _add_four_squares(block, centres[centre], feature, total)
            for feature in range(in_fours, features):
                _add_squares(block[feature], centres[centre, feature], total)
            for i in range(total.size):
                nearest[i] = min(total[i], nearest[i])


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
