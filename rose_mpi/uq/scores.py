"""What is asked of an ensemble's predictions, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rose_mpi.tasks import FileArray, RankArray
from rose_mpi.uq.batches import TOP
from rose_mpi.uq.registry import CALIBRATION


@dataclass(frozen=True, slots=True)
class Member:
    """One prediction of the ensemble: the pass ``index`` of ``model``."""

    model: str
    index: int
    array: FileArray | RankArray

    def __str__(self) -> str:
        return f"model {self.model!r}, prediction {self.index}"


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Score the candidates of a pool by an ensemble and choose the best.

    Attributes
    ----------
    task_type:
        ``"classification"``: predictions ``[candidates, classes]`` of probabilities;
        ``"regression"``: predictions ``[candidates]``.
    query_size:
        How many candidates to choose: a number, or the fraction of the pool (0 < f < 1).
    members:
        The predictions, all of one shape; their order is the order of summation.
    excluded:
        Sorted indices of candidates that must not be chosen. int64 ``[e]``
    seed:
        For metrics that draw random numbers.
    targets:
        True values of the candidates.
    parameters:
        Numbers that the metric and the batch take.
    batch:
        How the chosen are put together, of :data:`rose_mpi.uq.batches.BATCHES`.
    features:
        Of the candidates, for the batches that need them.
    """

    learner: str
    iteration: int
    metric: str
    task_type: str
    query_size: int | float
    members: tuple[Member, ...]
    excluded: NDArray[np.int64]
    seed: int
    targets: FileArray | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    batch: str = TOP
    features: FileArray | None = None

    @property
    def extras(self) -> tuple[str, ...]:
        """By name what kernels are needed for beside the metric."""
        return (self.batch, *((CALIBRATION,) if self.targets else ()))


@dataclass(frozen=True, slots=True)
class Scores:
    """The chosen candidates.

    Attributes
    ----------
    indices:
        Chosen candidates, best first; ties by index. int64 ``[q]``
    scores:
        Their scores. float64 ``[q]``
    uncertainty:
        Mean of ``scores``; NaN where nothing was chosen.
    pool_uncertainty:
        Mean score of all candidates that are not excluded; NaN where there is none.
    candidates:
        Size of the pool, excluded ones included.
    calibration:
        How well the ensemble agrees with the true values of the candidates that are not excluded; empty where
        these are not known.
    file:
        Path of the ``.npz`` that tells the tasks of the selection; empty where none was written.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    uncertainty: float
    pool_uncertainty: float
    candidates: int
    file: str = ""
    calibration: Mapping[str, float] = field(default_factory=dict)
