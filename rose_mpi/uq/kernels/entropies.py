"""Sums over the members of their values and of ``x log x`` of these, in one pass over the predictions.

Eight members are taken at a time: their logarithms do not wait for one another, and hide the reading. Both
sums lie in one array at a fixed distance, which the compiler tells apart from eight rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import x_log_x
from rose_mpi.uq.kernels.sums import HIGHEST, LOWEST, row

PIECE = 8192
"""Values of a member that are summed at a time."""

TERMS = PIECE
SUMS = 2 * PIECE


@jit
def _add_eight(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    member: int,
    first: int,
    last: int,
    sums: NDArray[np.float64],
) -> bool:
    a, b = row(values, offsets, member, first, last), row(values, offsets, member + 1, first, last)
    c, d = row(values, offsets, member + 2, first, last), row(values, offsets, member + 3, first, last)
    e, f = row(values, offsets, member + 4, first, last), row(values, offsets, member + 5, first, last)
    g, h = row(values, offsets, member + 6, first, last), row(values, offsets, member + 7, first, last)
    lowest, highest = values.dtype.type(LOWEST), values.dtype.type(HIGHEST)
    outside = False
    for i in range(a.size):
        low = high = a[i]
        total = sums[i]
        terms = sums[TERMS + i]
        for value in (a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]):
            low = value if value < low else low
            high = value if value > high else high
            total += np.float64(value)
            terms += x_log_x(np.float64(value))
        outside |= (low < lowest) | (high > highest)
        sums[i] = total
        sums[TERMS + i] = terms
    return outside


@jit
def _add_one(values: NDArray[np.floating], sums: NDArray[np.float64]) -> bool:
    lowest, highest = values.dtype.type(LOWEST), values.dtype.type(HIGHEST)
    outside = False
    for i in range(values.size):
        outside |= (values[i] < lowest) | (values[i] > highest)
        sums[i] += np.float64(values[i])
        sums[TERMS + i] += x_log_x(np.float64(values[i]))
    return outside


@jit
def sum_with_terms(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    first: int,
    last: int,
    sums: NDArray[np.float64],
) -> bool:
    """Sum what the members say from the place ``first`` to ``last``, :data:`PIECE` of it at most.

    ``sums`` holds the sums, and from ``TERMS`` on those of ``x log x``. Returns whether a value is out of the
    range of probabilities.
    """
    members = offsets.size
    sums[:] = 0.0
    outside = False
    in_eights = members - members % 8
    for member in range(0, in_eights, 8):
        outside |= _add_eight(values, offsets, member, first, last, sums)
    for member in range(in_eights, members):
        outside |= _add_one(row(values, offsets, member, first, last), sums)
    return outside
