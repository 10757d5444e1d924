"""A small policy: the value of an action is a weighted sum of features of the state, and the best is taken.

Each iteration has a policy of its own, so that a task that is repeated finds what it found the first time.
"""

from pathlib import Path

import numpy as np

ACTIONS = 2
SCALE = np.array([2.4, 3.0, 0.2, 3.0])
PAIRS = np.triu_indices(4)


def features(states: np.ndarray) -> np.ndarray:
    """One, the scaled state and its products, ``[n, 15]``."""
    scaled = states / SCALE
    return np.column_stack([np.ones(len(scaled)), scaled, scaled[:, PAIRS[0]] * scaled[:, PAIRS[1]]])


def file(iteration: int) -> Path:
    """Where the policy is kept that an iteration begins with."""
    return Path(f"policy-{iteration}.npy")


def load(iteration: int) -> np.ndarray:
    """The weights that an iteration begins with, ``[actions, features]``; zeros in the first."""
    return np.load(file(iteration)) if iteration > 0 else np.zeros((ACTIONS, 15))


def best_actions(weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The action of the highest value in each state, ``[n]``."""
    return np.argmax(features(states) @ weights.T, axis=1)
