"""Two test functions with known minima, and the points at which they may be evaluated."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

CANDIDATES = 1000
FIRST_POINTS = 5

ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(unit: np.ndarray) -> np.ndarray:
    """Branin and Hoo's function on the unit square, which stands for [-5, 10] x [0, 15]; minimum 0.397887."""
    x, y = unit[:, 0] * 15 - 5, unit[:, 1] * 15
    valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def hartmann(unit: np.ndarray) -> np.ndarray:
    """Hartmann's function of six variables on the unit cube; minimum -3.32237."""
    exponents = (A * (unit[:, None] - P) ** 2).sum(axis=2)
    return -(ALPHA * np.exp(-exponents)).sum(axis=1)


class Problem(NamedTuple):
    """A function to minimise over some points ``[candidates, variables]``."""

    function: Callable[[np.ndarray], np.ndarray]
    pool: np.ndarray

    def first(self, seed: int) -> np.ndarray:
        """The points that are evaluated before anything is chosen; none of the candidates."""
        return np.random.default_rng([1, seed]).random((FIRST_POINTS, self.pool.shape[1]))


@cache
def problem(name: str) -> Problem:
    """The function called ``name`` with its candidates, the same for all seeds."""
    function, variables = {"branin": (branin, 2), "hartmann": (hartmann, 6)}[name]
    return Problem(function, np.random.default_rng([0, variables]).random((CANDIDATES, variables)))
