"""Carts that balance a pole, many at once: a state is position, speed, angle and angular speed, ``[n, 4]``.

The equations are those of Barto, Sutton and Anderson, IEEE Trans. Syst. Man Cybern. 13, 834 (1983), without
friction.
"""

import numpy as np

GRAVITY = 9.8
CART_MASS = 1.0
POLE_MASS = 0.1
HALF_LENGTH = 0.5
FORCE = 10.0
TIME_STEP = 0.02
LIMITS = np.array([2.4, np.inf, np.radians(12), np.inf])


def starts(count: int, rng: np.random.Generator) -> np.ndarray:
    """Carts at rest in the middle, or almost so."""
    return rng.uniform(-0.05, 0.05, (count, 4))


def step(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Push each cart to the left (0) or right (1) for one time step."""
    _, speed, angle, turning = states.T
    mass = CART_MASS + POLE_MASS
    sine, cosine = np.sin(angle), np.cos(angle)
    push = (np.where(actions == 1, FORCE, -FORCE) + POLE_MASS * HALF_LENGTH * turning**2 * sine) / mass
    inertia = HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / mass)
    turning_change = (GRAVITY * sine - cosine * push) / inertia
    speed_change = push - POLE_MASS * HALF_LENGTH * turning_change * cosine / mass
    changes = np.stack([speed, speed_change, turning, turning_change], axis=1)
    return states + TIME_STEP * changes


def has_failed(states: np.ndarray) -> np.ndarray:
    """Whether the cart has left the track or its pole has fallen, ``[n]``."""
    return (np.abs(states) > LIMITS).any(axis=1)
