"""What a learner carries from one iteration to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rose_mpi.learners.spec import Criterion
from rose_mpi.metrics import compare
from rose_mpi.uq.scores import Scores


class Memory:
    """Metrics of the models and candidates chosen so far.

    Attributes
    ----------
    queried:
        Sorted indices of all candidates chosen so far. int64 ``[n]``
    selection:
        Path of the ``.npz`` with the latest selection; ``None`` before the first.
    history:
        The stop metric of each iteration that had one.
    """

    def __init__(self, models: Sequence[str], criterion: Criterion | None) -> None:
        self.queried: NDArray[np.int64] = np.empty(0, np.int64)
        self.selection: str | None = None
        self.history: list[float] = []
        self._values: dict[tuple[str, str], list[Any]] = {}
        self._extremes: dict[str, tuple[float, float]] = {}
        self._metrics: dict[str, float] = {}
        self._models = tuple(models)
        self._criterion = criterion
        self._met: set[str] = set()

    @property
    def unmet(self) -> tuple[str, ...]:
        """The models that have not met their criterion yet, so that they go on training."""
        return tuple(model for model in self._models if model not in self._met)

    @property
    def metrics(self) -> dict[str, float]:
        """The last metric of each model that has one, in the order of the models."""
        return {model: self._metrics[model] for model in self._models if model in self._metrics}

    def remember_values(self, stage: str, model: str, values: list[Any]) -> None:
        """Keep what the tasks of a stage returned last."""
        self._values[stage, model] = values

    def values_of(self, stage: str, model: str) -> list[Any]:
        """What a stage returned last: for this model, else for no model, else for all of them."""
        for key in ((stage, model), (stage, "")):
            if key in self._values:
                return self._values[key]
        return [value for name in self._models for value in self._values.get((stage, name), [])]

    def remember_number(self, name: str, value: Any) -> None:
        """Keep the smallest and the largest of the finite numbers that tasks return by a name."""
        if isinstance(value, int | float) and math.isfinite(value):
            low, high = self._extremes.get(name, (value, value))
            self._extremes[name] = min(low, value), max(high, value)

    def extremes(self, name: str) -> tuple[float, float] | None:
        """The smallest and the largest number that tasks returned by a name; ``None`` before any."""
        return self._extremes.get(name)

    def remember_metric(self, model: str, metric: float) -> None:
        """Keep a model's metric, and that it met the criterion, from then on."""
        self._metrics[model] = metric
        criterion = self._criterion
        if criterion and compare(metric, criterion.operator, criterion.threshold):
            self._met.add(model)

    def remember_selection(self, scores: Scores) -> None:
        """Keep what was chosen, so that it is not chosen again."""
        self.queried = np.union1d(self.queried, scores.indices)
        self.selection = scores.file or None
