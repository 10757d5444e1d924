"""Kernels that compare predictions with true values, for reports on calibration."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.moments import MOMENTS, ORIGIN, SQUARES, TILE, sum_differences, variance_of
from rose_mpi.uq.kernels.sums import sum_members, tile_size


@jit
def signed_confidence(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.int64],
) -> bool:
    """Mean probability of the best class, the first of equals; negative where that is not the true one."""
    suspect = False
    tile = tile_size(offsets.size, classes)
    space = np.empty(tile * classes)
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        total, bad = sum_members(values, offsets, classes, first, last, space)
        suspect |= bad
        for i in range(total.shape[0]):
            best = 0
            for k in range(1, classes):
                best = k if total[i, k] > total[i, best] else best
            confidence = total[i, best] / offsets.size
            scores[first + i] = confidence if best == targets[first + i] else -confidence
    return suspect


@jit
def standardised_error(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    targets: NDArray[np.float64],
) -> None:
    """Distance of the true value to the members' mean, in standard deviations; 0 where they agree on it."""
    members = offsets.size
    moments = np.empty(MOMENTS)
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        sum_differences(values, offsets, first, last, moments)
        for i in range(last - first):
            error = abs(targets[first + i] - moments[ORIGIN + i] - moments[i] / members)
            std = sqrt(variance_of(moments[i], moments[SQUARES + i], members))
            scores[first + i] = error / std if error > 0.0 else error
