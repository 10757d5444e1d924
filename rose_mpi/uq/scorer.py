"""Scores of an ensemble's predictions that are all in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.metrics import PREDICTIVE_ENTROPY, PREDICTIVE_VARIANCE
from rose_mpi.uq.evaluate import evaluate, working_dtype
from rose_mpi.uq.registry import CLASSIFICATION, TASK_TYPES, UQ_REGISTRY, metric_with
from rose_mpi.uq.selection import query_count, top_k
from rose_mpi.uq.validation import check_prediction, check_targets


class UQScorer:
    """Scores candidates and selects the most uncertain ones.

    Parameters
    ----------
    task_type:
        ``"classification"``: predictions are probabilities ``[members, candidates, classes]`` and true values
        classes ``[candidates]``; ``"regression"``: predictions ``[members, candidates]`` and true values
        ``[candidates]``.

    Raises
    ------
    UsageError
        If ``task_type`` is neither.
    """

    def __init__(self, task_type: str) -> None:
        if task_type not in TASK_TYPES:
            raise UsageError(f"task_type is {task_type!r}; it must be {' or '.join(map(repr, TASK_TYPES))}")
        self.task_type = task_type

    def score(
        self,
        metric: str,
        mc_preds: ArrayLike,
        y_true: ArrayLike | None = None,
        *,
        seed: int = 0,
        parameters: Mapping[str, float] | None = None,
    ) -> NDArray[np.float64]:
        """Scores of all candidates by one metric.

        Parameters
        ----------
        seed:
            For the metrics ``random`` and ``thompson``.
        parameters:
            Numbers that the metric's formula takes, such as ``best``.

        Returns
        -------
        float64 ``[candidates]``

        Raises
        ------
        UsageError
            If the metric is unknown, does not fit the task type, or needs ``y_true``; or shapes or parameters
            do not fit.
        ScoreError
            If predictions are no real numbers, not finite or no probabilities, or a score is NaN.
        """
        found = metric_with(metric, parameters or {})
        if self.task_type not in found.task_types:
            raise UsageError(
                f"metric {metric!r} is for {' or '.join(found.task_types)}, not {self.task_type}"
            )
        if found.needs_targets and y_true is None:
            raise UsageError(f"metric {metric!r} needs y_true, the candidates' true values")
        predictions, targets = self._validate_inputs(mc_preds, y_true)
        if 0 in (predictions.shape[0], *predictions.shape[2:]):
            raise UsageError(f"predictions have shape {predictions.shape}: no members or no classes")
        dtype = working_dtype([predictions.dtype])
        for member, rows in enumerate(predictions):
            check_prediction(rows.reshape((*rows.shape, 1)[:2]), member, self.task_type, dtype)
        predictions = np.ascontiguousarray(predictions, dtype=dtype)
        return evaluate(found, self, predictions, targets, seed=seed)

    def compute_uncertainty(
        self, mc_preds: ArrayLike, y_true: ArrayLike | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Scores by every metric of this task type that measures uncertainty, so takes no parameters.

        Those that need ``y_true`` are there only if it is given.
        """
        return {
            name: self.score(name, mc_preds, y_true)
            for name, metric in UQ_REGISTRY.items()
            if self.task_type in metric.task_types
            and not metric.parameters
            and not (metric.needs_targets and y_true is None)
        }

    def select_top_uncertain(
        self,
        mc_preds: ArrayLike,
        k: int | float = 10,
        metric: str | None = None,
        y_true: ArrayLike | None = None,
        *,
        seed: int = 0,
        parameters: Mapping[str, float] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices and scores of the ``k`` most uncertain candidates, best first; ties by index.

        ``k`` is a number, or the fraction of the pool (0 < f < 1). Without a ``metric`` it is
        ``predictive_entropy`` for classification and ``predictive_variance`` for regression. Raises as
        :meth:`score` does.
        """
        if metric is None:
            metric = PREDICTIVE_ENTROPY if self.task_type == CLASSIFICATION else PREDICTIVE_VARIANCE
        scores = self.score(metric, mc_preds, y_true, seed=seed, parameters=parameters)
        count = query_count(k, len(scores))
        chosen = top_k(scores, count, minimise=UQ_REGISTRY[metric].minimise)
        return chosen.indices, chosen.scores

    def _validate_inputs(
        self, mc_preds: ArrayLike, y_true: ArrayLike | None = None
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Predictions and true values as arrays of the right shape, axes of length 1 dropped where needed.

        Raises
        ------
        UsageError
            If the shapes do not fit the task type or each other.
        """
        axes = ("members", "candidates", "classes")[: 3 if self.task_type == CLASSIFICATION else 2]
        predictions = _with_axes(np.asarray(mc_preds), len(axes))
        if predictions is None:
            raise UsageError(
                f"predictions for {self.task_type} must be [{', '.join(axes)}]; "
                f"they have shape {np.shape(mc_preds)}"
            )
        if y_true is None:
            return predictions, None
        try:
            targets = check_targets(y_true, self.task_type, predictions.shape[1:])
        except ScoreError as error:
            raise UsageError(f"y_true: {error}") from None
        return predictions, targets


def _with_axes(array: NDArray[Any], axes: int) -> NDArray[Any] | None:
    """The array without as many of its axes of length 1, the last ones first, as it has too many."""
    while array.ndim > axes and 1 in array.shape:
        array = array.squeeze(max(axis for axis, length in enumerate(array.shape) if length == 1))
    return array if array.ndim == axes else None
