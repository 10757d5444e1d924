"""Random numbers that follow from a seed and an index alone."""

from __future__ import annotations

from operator import index

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def uniform(seed: int, first: int, count: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) for the indices ``first`` to ``first + count``, as float64 ``[count]``.

    The index-th output of a SplitMix64 generator (Steele, Lea and Flood 2014) that starts from the
    scrambled seed; any integer is a seed.
    """
    start = _scramble(np.array([index(seed) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    counter = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    bits = _scramble(start + counter * _GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _scramble(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> _SHIFTS[0])) * _FACTORS[0]
    bits = (bits ^ (bits >> _SHIFTS[1])) * _FACTORS[1]
    return bits ^ (bits >> _SHIFTS[2])
