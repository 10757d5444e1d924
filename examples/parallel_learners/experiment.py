"""What is to be learned: a wavy landscape over the cube [-1, 1]^n, of variance 1."""

import numpy as np


def measure(points: np.ndarray) -> np.ndarray:
    """Height at each point, ``[n]``, without noise."""
    return np.sin(np.pi * points).sum(axis=1) * np.sqrt(2 / points.shape[1])
