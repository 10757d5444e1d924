"""Choices of a batch from a large pool, by all ranks together.

    mpirun -n 2 python benchmarks/selection.py [--candidates 1000000]

100 of 1,000,000 candidates with 64 features (float32), and 100 by batch BALD from 16 members' probabilities
of 10 classes. It needs 2 GB of memory in all. A plain NumPy loop for k_center with the rank's part of the
pool is timed for a tenth of the choices, and shown for as many.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from jobs import show
from mpi4py import MPI

from rose_mpi.uq import batch_bald, diverse_top_k, k_center, power_sample

FEATURES, MEMBERS, CLASSES, CHOSEN = 64, 16, 10, 100
ROUNDS = 2


def seconds(function: Callable[[], Any]) -> float:
    """Time of one call on the slowest rank."""
    MPI.COMM_WORLD.Barrier()
    start = time.perf_counter()
    function()
    return float(MPI.COMM_WORLD.allreduce(time.perf_counter() - start, MPI.MAX))


def plain_k_center(features: np.ndarray, k: int) -> list[int]:
    """The greedy choice as it is written with NumPy, on one rank's part alone."""
    squares = np.full(len(features), np.inf)
    chosen = [0]
    for _ in range(k - 1):
        squares = np.minimum(squares, ((features - features[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(squares.argmax()))
    return chosen


def probabilities(rng: np.random.Generator, count: int) -> np.ndarray:
    """Members that disagree on some candidates, ``[members, candidates, classes]``."""
    sharp = rng.random((MEMBERS, count, CLASSES), dtype=np.float32) ** 20 + np.float32(1e-3)
    return sharp / sharp.sum(axis=2, keepdims=True)


def main() -> None:
    """Time all ways to choose and print them on rank 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    candidates = parser.parse_args().candidates
    comm = MPI.COMM_WORLD
    bounds = [candidates * rank // comm.size for rank in (comm.rank, comm.rank + 1)]
    rng = np.random.default_rng(comm.rank)
    features = rng.standard_normal((bounds[1] - bounds[0], FEATURES), dtype=np.float32)
    scores = rng.random(len(features))
    predictions = probabilities(rng, len(features) // 10)
    queried = np.arange(0, candidates, candidates // 500)
    ways: dict[str, Callable[[], Any]] = {
        "k_center": lambda: k_center(comm, features, CHOSEN),
        "k_center, 500 queried before": lambda: k_center(comm, features, CHOSEN, excluded=queried),
        "diverse_top_k": lambda: diverse_top_k(comm, scores, features, CHOSEN),
        "power_sample": lambda: power_sample(comm, scores, CHOSEN),
        "batch_bald, a tenth of the candidates": lambda: batch_bald(comm, predictions, CHOSEN),
        "NumPy's k_center (10 choices, x 10)": lambda: plain_k_center(features, CHOSEN // 10),
    }
    rows: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, way in ways.items():
            taken = seconds(way) * (10 if "x 10" in name else 1)
            if turn:
                rows[name].append(taken)
    if comm.rank == 0:
        show(f"{CHOSEN} of {candidates:,} candidates, {comm.size} ranks", rows, "s")


if __name__ == "__main__":
    main()
