"""Kernels that find the first unusable value of a prediction.

Both return the first bad row, or -1, so that what is wrong with it is worked out for that row alone.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit


@jit
def first_bad_value(rows: NDArray[np.floating]) -> int:
    """First row of ``rows [candidates, width]`` that holds a NaN or an infinity."""
    for candidate in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            if not isfinite(rows[candidate, k]):
                return candidate
    return -1


@jit
def first_bad_probabilities(rows: NDArray[np.floating], range_tolerance: float, sum_tolerance: float) -> int:
    """First row of ``rows [candidates, classes]`` with a value outside [0, 1] or whose sum is not 1."""
    for candidate in range(rows.shape[0]):
        total = 0.0
        outside = False
        for k in range(rows.shape[1]):
            p = np.float64(rows[candidate, k])
            outside |= bool(p < -range_tolerance) or bool(p > 1.0 + range_tolerance)
            total += p
        if outside or not abs(total - 1.0) <= sum_tolerance:
            return candidate
    return -1
