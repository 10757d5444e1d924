"""Kernels that turn scores into what a random or weighted choice compares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import natural_log

_SMALLEST_NORMAL = 2.0**-1022
_SMALLEST_UNIFORM = 2.0**-54


@jit
def logarithms(numbers: NDArray[np.float64], logs: NDArray[np.float64]) -> None:
    """Logarithms of numbers from 0 on; 0 counts as the smallest normal number."""
    for i in range(numbers.size):
        logs[i] = natural_log(max(numbers[i], _SMALLEST_NORMAL))


@jit
def add_gumbel(uniforms: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Add to ``values`` standard Gumbel numbers, ``-log(-log u)``, made from uniform ones in [0, 1)."""
    for i in range(values.size):
        exponential = -natural_log(max(uniforms[i], _SMALLEST_UNIFORM))
        values[i] -= natural_log(exponential)
