"""Thompson sampling: the members of an ensemble stand for draws of the function (Lu and Van Roy 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.parameters import MAXIMISE
from rose_mpi.uq.registry import Metric
from rose_mpi.uq.uniform import uniform


def drawn_members(seed: int, draws: int, members: int) -> NDArray[np.int64]:
    """Which member each draw follows, as int64 ``[draws]``."""
    return (uniform(seed, 0, draws) * members).astype(np.int64)


def sampled_values(
    predictions: Sequence[NDArray[Any]] | NDArray[Any], member: int, metric: Metric
) -> NDArray[np.float64]:
    """What a member says of each candidate, such that more is better, as float64 ``[candidates]``."""
    values: NDArray[np.float64] = predictions[member].astype(np.float64)
    return values if metric.parameters[MAXIMISE] else -values
