"""Kernels for what several labels tell together.

A *path* is one combination of labels of the candidates chosen so far. It has a probability, and weights of
the members: how likely each is once these labels are known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.logarithm import x_log_x


@jit
def _mixture(
    probabilities: NDArray[np.floating],
    label: int,
    weights: NDArray[np.float64],
    mixture: NDArray[np.float64],
) -> None:
    """Probability of a label on each path: the members' probabilities by their weights."""
    mixture[:] = 0.0
    for member in range(probabilities.shape[0]):
        p = np.float64(probabilities[member, label])
        row = weights[member]
        for path in range(mixture.size):
            mixture[path] += p * row[path]


@jit
def information_gains(
    predictions: NDArray[np.floating],
    weights: NDArray[np.float64],
    chances: NDArray[np.float64],
    candidates: NDArray[np.int64],
    gains: NDArray[np.float64],
) -> None:
    """What the label of each candidate would tell about the members beyond those chosen so far, in nats.

    The entropy of the label on each path less that which remains when the member is known: ``sum_l c_l
    (H(sum_m w_ml p_m) - sum_m w_ml H(p_m))``.

    Parameters
    ----------
    predictions:
        ``[members, candidates, classes]``
    weights:
        Of the members on each path, summing to 1 there. ``[members, paths]``
    chances:
        Probabilities of the paths. ``[paths]``
    candidates:
        Which to look at, ``[n]``; their gains go to ``gains [n]``.
    """
    members, _, classes = predictions.shape
    mixture = np.empty(chances.size)
    mean_weights = np.zeros(members)
    for member in range(members):
        for path in range(chances.size):
            mean_weights[member] += chances[path] * weights[member, path]
    for i in range(candidates.size):
        own = predictions[:, candidates[i]]
        gain = 0.0
        for label in range(classes):
            _mixture(own, label, weights, mixture)
            for path in range(mixture.size):
                mixture[path] = chances[path] * x_log_x(mixture[path])
            for path in range(mixture.size):
                gain -= mixture[path]
            for member in range(members):
                gain += mean_weights[member] * x_log_x(np.float64(own[member, label]))
        gains[i] = max(gain, 0.0)
