"""Sums over the members, ``[members, candidates]``, from which mean and variance follow.

Candidates are taken in tiles; what is kept for a tile lies in one array at fixed distances, which the
compiler tells apart from up to eight rows. Sums are of differences to the first member: a large common
offset costs no digits (Chan, Golub and LeVeque 1983, shifted data).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import fused
from rose_mpi.uq.kernels.sums import row

TILE = 16384
"""Candidates of a tile."""

SQUARES = TILE
ORIGIN = 2 * TILE
MOMENTS = 3 * TILE


@jit
def _add_eight(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    member: int,
    first: int,
    last: int,
    moments: NDArray[np.float64],
) -> None:
    a, b = row(values, offsets, member, first, last), row(values, offsets, member + 1, first, last)
    c, d = row(values, offsets, member + 2, first, last), row(values, offsets, member + 3, first, last)
    e, f = row(values, offsets, member + 4, first, last), row(values, offsets, member + 5, first, last)
    g, h = row(values, offsets, member + 6, first, last), row(values, offsets, member + 7, first, last)
    for i in range(a.size):
        total = moments[i]
        squares = moments[SQUARES + i]
        for value in (a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]):
            difference = np.float64(value) - moments[ORIGIN + i]
            total += difference
            squares = fused(difference, difference, squares)
        moments[i] = total
        moments[SQUARES + i] = squares


@jit
def _add_one(values: NDArray[np.floating], moments: NDArray[np.float64]) -> None:
    for i in range(values.size):
        difference = np.float64(values[i]) - moments[ORIGIN + i]
        moments[i] += difference
        moments[SQUARES + i] = fused(difference, difference, moments[SQUARES + i])


@jit
def sum_differences(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    first: int,
    last: int,
    moments: NDArray[np.float64],
) -> None:
    """Sum each candidate's differences to its first member, and their squares.

    ``moments`` holds the sums, from ``SQUARES`` on those of the squares, and from ``ORIGIN`` on the first
    member's values.
    """
    members = offsets.size
    origin = row(values, offsets, 0, first, last)
    moments[:ORIGIN] = 0.0
    for i in range(origin.size):
        moments[ORIGIN + i] = origin[i]
    in_eights = members - members % 8
    for member in range(0, in_eights, 8):
        _add_eight(values, offsets, member, first, last, moments)
    for member in range(in_eights, members):
        _add_one(row(values, offsets, member, first, last), moments)


@jit
def variance_of(total: float, squares: float, members: int) -> float:
    """Variance of a candidate, from its sums."""
    return max((squares - total * total / members) / members, 0.0)
