"""Sums over the members, and a look at every value on the way: the predictions are read once for both.

Members' predictions are taken as ``values[offsets[member]:]``: each member's in its own place, one candidate
after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit

LOWEST = -1e-6
HIGHEST = 1.0 + 1e-6
"""What a value may be that is taken for a probability."""

_SUM_TOLERANCE = 5e-3
_TILE = 8192
_TILE_OF_ALL = 1 << 16


@jit
def tile_size(members: int, classes: int) -> int:
    """Candidates whose sums, and as many as possible of whose predictions, fit into the cache."""
    return max(1, min(_TILE, _TILE_OF_ALL // members) // classes)


@jit
def row(
    values: NDArray[np.floating], offsets: NDArray[np.int64], member: int, first: int, last: int
) -> NDArray[np.floating]:
    """What a member says from the place ``first`` to ``last``."""
    return values[offsets[member] + first : offsets[member] + last]


@jit
def _add_eight(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    member: int,
    first: int,
    total: NDArray[np.float64],
) -> bool:
    """Add to ``total`` what eight members say from the place ``first`` on; whether all is in range."""
    last = first + total.size
    a, b = row(values, offsets, member, first, last), row(values, offsets, member + 1, first, last)
    c, d = row(values, offsets, member + 2, first, last), row(values, offsets, member + 3, first, last)
    e, f = row(values, offsets, member + 4, first, last), row(values, offsets, member + 5, first, last)
    g, h = row(values, offsets, member + 6, first, last), row(values, offsets, member + 7, first, last)
    lowest, highest = values.dtype.type(LOWEST), values.dtype.type(HIGHEST)
    outside = False
    for i in range(total.size):
        low = high = a[i]
        for value in (b[i], c[i], d[i], e[i], f[i], g[i], h[i]):
            low = value if value < low else low
            high = value if value > high else high
        outside |= (low < lowest) | (high > highest)
        total[i] = total[i] + np.float64(a[i]) + b[i] + c[i] + d[i] + e[i] + f[i] + g[i] + h[i]
    return outside


@jit
def _add_one(values: NDArray[np.floating], total: NDArray[np.float64]) -> bool:
    lowest, highest = values.dtype.type(LOWEST), values.dtype.type(HIGHEST)
    outside = False
    for i in range(total.size):
        outside |= (values[i] < lowest) | (values[i] > highest)
        total[i] += values[i]
    return outside


@jit
def misses_one(total: NDArray[np.float64], members: int) -> bool:
    """Whether the members' sums of some candidate, added over the classes, miss the number of members."""
    misses = False
    for i in range(total.shape[0]):
        sum_of_all = 0.0
        for k in range(total.shape[1]):
            sum_of_all += total[i, k]
        misses |= not abs(sum_of_all - members) <= _SUM_TOLERANCE
    return misses


@jit
def sum_members(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    classes: int,
    first: int,
    last: int,
    space: NDArray[np.float64],
) -> tuple[NDArray[np.float64], bool]:
    """The members' sums for the candidates ``first:last``, ``[last - first, classes]``, in ``space``.

    Also whether any of it may be no probabilities: a value out of range, or members' sums over the classes
    that do not come to the number of members.
    """
    members = offsets.size
    begin, end = first * classes, last * classes
    total = space[: end - begin]
    total[:] = 0.0
    suspect = False
    in_eights = members - members % 8
    for member in range(0, in_eights, 8):
        suspect |= _add_eight(values, offsets, member, begin, total)
    for member in range(in_eights, members):
        suspect |= _add_one(row(values, offsets, member, begin, end), total)
    by_candidate = total.reshape(last - first, classes)
    return by_candidate, suspect | misses_one(by_candidate, members)
