"""The experiment: a quadrupole mass filter that holds an ion, or does not.

An ion's motion obeys Mathieu's equation u'' + (a - 2q cos 2t) u = 0 in x, and the same with -a, -q in y
(W. Paul, Rev. Mod. Phys. 62, 531, 1990). By Floquet's theorem it stays bounded if |u(pi)| < 1 for the
solution with u(0) = 1, u'(0) = 0. Points are ``[n, 2]``, q and a scaled to the unit square.
"""

import numpy as np

LARGEST_Q, LARGEST_A = 1.0, 0.3
STEPS = 100


def is_stable(points: np.ndarray) -> np.ndarray:
    """Whether the ion stays in the trap, ``[n]``."""
    q, a = points[:, 0] * LARGEST_Q, points[:, 1] * LARGEST_A
    return is_bounded(a, q) & is_bounded(-a, -q)


def is_bounded(a: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Integrate Mathieu's equation over one period by velocity Verlet; all ``[n]``."""
    step = np.pi / STEPS
    u, v = np.ones_like(a), np.zeros_like(a)
    for t in step * np.arange(STEPS):
        v -= step / 2 * (a - 2 * q * np.cos(2 * t)) * u
        u += step * v
        v -= step / 2 * (a - 2 * q * np.cos(2 * (t + step))) * u
    return np.abs(u) < 1


def grid() -> np.ndarray:
    """Evenly spread points to measure the accuracy at, ``[2500, 2]``."""
    ticks = (np.arange(50) + 0.5) / 50
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
