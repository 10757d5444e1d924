"""Combinations of labels that chosen candidates may turn out to have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.uniform import uniform


class Paths:
    """All combinations of labels as long as there are few, later a sample of them.

    Parameters
    ----------
    members:
        Size of the ensemble; all members are equally likely at first.
    most:
        Combinations, or samples of them, at most.

    Attributes
    ----------
    weights:
        Probability of each member, given the labels. float64 ``[members, paths]``
    chances:
        Probability of each combination. float64 ``[paths]``
    sampled:
        Whether these are a sample.
    """

    def __init__(self, members: int, most: int, seed: int) -> None:
        self.weights = np.full((members, 1), 1.0 / members)
        self.chances = np.ones(1)
        self.sampled = False
        self._most = most
        self._seed = seed
        self._chosen: list[NDArray[np.float64]] = []

    def extend(self, probabilities: NDArray[np.floating]) -> None:
        """Take up one more candidate, ``[members, classes]``."""
        own = np.maximum(probabilities.astype(np.float64), 0.0)
        own /= own.sum(axis=1, keepdims=True)
        self._chosen.append(own)
        if not self.sampled and own.shape[1] * len(self.chances) <= self._most:
            self._multiply(own)
        elif not self.sampled:
            self._sample()
        else:
            self._draw(len(self._chosen) - 1)

    def _multiply(self, own: NDArray[np.float64]) -> None:
        """Every combination with every label; those that cannot be are left out."""
        joint = self.weights[:, :, None] * self.chances[None, :, None] * own[:, None, :]
        joint = joint.reshape(len(own), -1)
        chances = joint.sum(axis=0)
        possible = chances > 0.0
        self.chances = chances[possible]
        self.weights = np.ascontiguousarray(joint[:, possible] / self.chances)

    def _sample(self) -> None:
        """Draw the labels of all candidates chosen so far, each path by one member, all members in turn."""
        members = len(self.weights)
        self.sampled = True
        self.weights = np.full((members, self._most), 1.0 / members)
        self.chances = np.full(self._most, 1.0 / self._most)
        for number in range(len(self._chosen)):
            self._draw(number)

    def _draw(self, number: int) -> None:
        """Draw each path's label of one candidate."""
        own = self._chosen[number]
        followed = np.arange(self._most) % len(own)
        uniforms = uniform(self._seed, number * self._most, self._most)
        ends = np.cumsum(own, axis=1)[followed]
        labels = (uniforms[:, None] * ends[:, -1:] >= ends[:, :-1]).sum(axis=1)
        weights = self.weights * own[:, labels]
        self.weights = np.ascontiguousarray(weights / weights.sum(axis=0))
