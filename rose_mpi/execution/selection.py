"""The file that tells tasks which candidates were selected."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from rose_mpi.uq.scores import Scores


def write_selection(path: Path, scores: Scores) -> None:
    """Write ``indices`` (int64, best first) and ``scores`` (float64) to an ``.npz``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez(file, indices=scores.indices, scores=scores.scores)
    partial.replace(path)
