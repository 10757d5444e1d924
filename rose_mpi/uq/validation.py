"""Whether predictions and true values can be scored, and what is wrong where they cannot."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.uq.registry import CLASSIFICATION

RANGE_TOLERANCE: Final = 1e-6
"""How far a probability may lie outside [0, 1]."""

SUM_TOLERANCE: Final = 1e-2
"""How far a candidate's probabilities may miss the sum 1; half-precision numbers and rounded text need it."""

_SLICE_BYTES = 1 << 20


class PredictionError(ScoreError):
    """One member's prediction is unusable.

    Attributes
    ----------
    position:
        Which member it is, as the caller of the scoring numbers them.
    candidate:
        The candidate it is about; ``None`` where it is about the prediction as a whole.
    reason:
        What is wrong, without naming member or candidate.
    """

    def __init__(self, position: int, candidate: int | None, reason: str) -> None:
        self.position = position
        self.candidate = candidate
        self.reason = reason
        super().__init__(position, candidate, reason)

    def __str__(self) -> str:
        where = "" if self.candidate is None else f", candidate {self.candidate}"
        return f"prediction {self.position}{where}: {self.reason}"


def check_prediction(rows: NDArray[Any], position: int, task_type: str, dtype: np.dtype[Any]) -> None:
    """Check every value of one member's prediction, a slice at a time.

    Parameters
    ----------
    rows:
        ``[candidates, classes]`` of probabilities, or ``[candidates, 1]``.
    dtype:
        float32 or float64: what they are scored in.

    Raises
    ------
    PredictionError
        For the first candidate with a value that is not finite or no probability, or with probabilities that
        do not sum to 1.
    """
    from rose_mpi.uq.kernels.checks import first_bad_probabilities, first_bad_value  # noqa: PLC0415

    step = max(1, _SLICE_BYTES // (rows.shape[1] * dtype.itemsize))
    for start in range(0, len(rows), step):
        part = np.array(rows[start : start + step], dtype=dtype, order="C")
        if task_type == CLASSIFICATION:
            bad = first_bad_probabilities(part, RANGE_TOLERANCE, SUM_TOLERANCE)
        else:
            bad = first_bad_value(part)
        if bad >= 0:
            raise PredictionError(position, start + bad, _reason(part[bad].astype(float)))


def check_targets(targets: ArrayLike, task_type: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """True values as the kernels take them: int64 classes or float64 values, ``[candidates]``.

    Parameters
    ----------
    shape:
        ``(candidates, classes)`` or ``(candidates,)``.

    Raises
    ------
    ScoreError
        If there is not one for each candidate, or one is no class or not finite.
    """
    values = np.asarray(targets)
    if values.dtype.kind not in "fiub":
        raise ScoreError(f"targets are of type {values.dtype}; real numbers are needed")
    values = values.reshape(-1) if values.size == shape[0] else values
    if values.shape != shape[:1]:
        raise ScoreError(f"targets have shape {values.shape}; {shape[0]} candidates need ({shape[0]},)")
    if not np.isfinite(values).all():
        raise ScoreError(f"the target of candidate {np.flatnonzero(~np.isfinite(values))[0]} is not finite")
    if task_type != CLASSIFICATION:
        return values.astype(np.float64)
    wrong = np.flatnonzero((values < 0) | (values >= shape[1]) | (values != np.floor(values)))
    if len(wrong):
        raise ScoreError(
            f"the target of candidate {wrong[0]} is {values[wrong[0]]}; classes are 0 to {shape[1] - 1}"
        )
    return values.astype(np.int64)


def _reason(row: NDArray[np.float64]) -> str:
    for k, value in enumerate(row):
        place = f" for class {k}" if len(row) > 1 else ""
        if not math.isfinite(value):
            return f"the value{place} is {value}"
        if value < -RANGE_TOLERANCE or value > 1 + RANGE_TOLERANCE:
            return f"the probability{place} is {value:.6g}; probabilities lie between 0 and 1"
    return f"the probabilities sum to {row.sum():.6g} instead of 1"
