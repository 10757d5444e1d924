"""The mean divergence of members that nearly agree, where a difference of entropies would lose its digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log, x_log_x
from rose_mpi.uq.kernels.sums import row

_NEAR = 0.125
_SMALLEST = 2.0**-1022


@jit
def divergence(p: float, q: float) -> float:
    """``p log(p / q) - p + q``, the term of a Kullback-Leibler divergence that is never negative.

    With ``s = (p - q) / (p + q)`` it is ``(p + q) s**2 (A + s B)``, where ``A = artanh(s) / s`` and
    ``B = (A - 1) / s**2``: for small ``s`` both by their series, in which nothing cancels.
    """
    total = max(p + q, _SMALLEST)
    s = (p - q) / total
    if abs(s) >= _NEAR:
        return x_log_x(p) - p * natural_log(max(q, _SMALLEST)) - (p - q)
    z = s * s
    b = 1 / 15 + z * (1 / 17)
    b = 1 / 11 + z * (1 / 13 + z * b)
    b = 1 / 7 + z * (1 / 9 + z * b)
    b = 1 / 3 + z * (1 / 5 + z * b)
    return total * z * (1.0 + z * b + s * b)


@jit
def mean_divergence(
    values: NDArray[np.floating], offsets: NDArray[np.int64], first: int, means: NDArray[np.float64]
) -> float:
    """What the members' probabilities from the place ``first`` on diverge from their means, on average."""
    total = 0.0
    for member in range(offsets.size):
        said = row(values, offsets, member, first, first + means.size)
        for k in range(means.size):
            total += divergence(max(np.float64(said[k]), 0.0), means[k])
    return total / offsets.size
