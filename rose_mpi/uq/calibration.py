"""How well the predictions of an ensemble agree with true values."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.metrics import CRPS
from rose_mpi.uq.agreement import Communicator
from rose_mpi.uq.evaluate import CHUNK, Members, evaluate
from rose_mpi.uq.registry import CLASSIFICATION, METRICS, REGRESSION, Metric
from rose_mpi.uq.scorer import UQScorer

BINS: Final = 15
"""Bins of equal width by which confidence and accuracy are compared."""

_SLICE: Final = 256 * CHUNK

_QUANTILES: Final = {"coverage_50": 0.6744897501960817, "coverage_90": 1.6448536269514722}
_MEASURES: Final = {
    CLASSIFICATION: (Metric("signed_confidence", (CLASSIFICATION,), needs_targets=True),),
    REGRESSION: (Metric("standardised_error", (REGRESSION,), needs_targets=True), METRICS[CRPS]),
}


class Calibration:
    """What is measured on one rank's part of a pool.

    Parameters
    ----------
    targets:
        True classes (int64) or values (float64) of the part. ``[candidates]``
    start:
        Place in the pool of the part's first candidate.
    """

    def __init__(
        self, task_type: str, targets: NDArray[np.generic], start: int = 0, threads: int = 1
    ) -> None:
        self._scorer = UQScorer(task_type)
        self._targets = targets
        self._start = start
        self._threads = threads
        self._values = np.empty((len(_MEASURES[task_type]), len(targets)))

    def look(self, predictions: Members, first: int) -> None:
        """Measure some candidates, the first of which has the place ``first`` in the pool.

        Raises
        ------
        PredictionError
            If a value is not finite or no probability.
        """
        part = slice(first - self._start, first - self._start + len(predictions[0]))
        for values, measure in zip(self._values, _MEASURES[self._scorer.task_type], strict=True):
            values[part] = evaluate(
                measure,
                self._scorer,
                predictions,
                self._targets[part],
                first=first,
                threads=self._threads,
            )

    def report(self, comm: Communicator, kept: NDArray[np.bool_]) -> dict[str, float]:
        """The numbers that tell how well the ensemble is calibrated on the kept candidates. Collective.

        For classification ``calibration_error``: the expected calibration error, the mean distance of
        confidence and accuracy over 15 bins of equal width, weighted by their candidates (Guo et al. 2017).
        For regression ``coverage_50`` and ``coverage_90``, the shares of true values within the central 50 %
        and 90 % of a normal with the members' mean and variance, and ``mean_crps``. Nothing where no
        candidate is kept.
        """
        steps = range(0, max(len(kept), 1), _SLICE)
        own = [self._sums(kept[start : start + _SLICE], start) for start in steps]
        total = np.concatenate([sums for there in comm.allgather(own) for sums in there]).sum(axis=0)
        if self._scorer.task_type == CLASSIFICATION:
            count, confidence, correct = total.reshape(3, BINS)
            error = float(np.abs(confidence - correct).sum())
            return {"calibration_error": error / float(count.sum())} if count.any() else {}
        count, crps, *inside = (float(each) for each in total)
        shares = zip([*_QUANTILES, "mean_crps"], [*inside, crps], strict=True)
        return {name: share / count for name, share in shares} if count else {}

    def _sums(self, kept: NDArray[np.bool_], start: int) -> NDArray[np.float64]:
        """Sums over the kept ones of the candidates from ``start`` on, for each chunk. ``[chunks, sums]``."""
        chunk = np.flatnonzero(kept) // CHUNK
        chunks = -(-len(kept) // CHUNK)
        values = self._values[:, start : start + len(kept)][:, kept]
        if self._scorer.task_type == CLASSIFICATION:
            confidence = np.abs(values[0])
            inner = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
            columns = [np.ones(len(chunk)), confidence, (values[0] > 0.0).astype(np.float64)]
            place, width = chunk * BINS + inner, BINS
        else:
            columns = [np.ones(len(chunk)), values[1]]
            columns += [(values[0] <= quantile).astype(np.float64) for quantile in _QUANTILES.values()]
            place, width = chunk, 1
        counted = [np.bincount(place, column, minlength=chunks * width) for column in columns]
        return np.concatenate([each.reshape(chunks, width) for each in counted], axis=1)
