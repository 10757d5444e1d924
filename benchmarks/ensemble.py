"""Scoring an ensemble whose predictions lie on several ranks, beside what else one could do.

    python benchmarks/ensemble.py
    mpirun -n 2 python benchmarks/ensemble.py

Without a launcher it starts itself with 1, 2 and 4 ranks. Each rank holds its share of 16 predictions
[500,000, 10] in float32. Timed in turn, from a barrier to the last rank: the collective with predictions in
memory, the same with mapped files, gathering everything on rank 0 and scoring there with NumPy, and a plain
read, a compiled sum over 8-byte words in which each rank reads its share of all bytes once. Medians are shown
with their quotients, and the most memory that a rank takes beyond its predictions (pages of files do not
count), then the same as JSON lines. It takes a minute and 2 GB of memory.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from uq import FORMULAS, read_words

from rose_mpi.uq.registry import CLASSIFICATION

MEMBERS, CANDIDATES, CLASSES = 16, 500_000, 10
CHOSEN = 1000
ROUNDS = 9
METRICS = ("predictive_entropy", "margin", "mutual_information")


@dataclass(frozen=True)
class Timing:
    """Medians in seconds, what they come to, and MB of memory at the peak on the worst rank."""

    ranks: int
    metric: str
    memory: float
    files: float
    numpy: float
    read: float
    times_numpy: float
    part_of_read: float
    files_part_of_read: float
    peak: float
    files_peak: float


def prediction(member: int) -> np.ndarray:
    """Random probabilities, the same for a member each time."""
    rows = np.random.default_rng(member).random((CANDIDATES, CLASSES), dtype=np.float32) + np.float32(1e-3)
    return rows / rows.sum(axis=1, keepdims=True)


def gather_and_score(comm: Any, own: list[np.ndarray], metric: str) -> None:
    """All predictions to rank 0, in one message of each rank, and NumPy there."""
    flat = np.concatenate([rows.reshape(-1) for rows in own])
    everything = np.empty(MEMBERS * CANDIDATES * CLASSES, np.float32) if comm.rank == 0 else None
    counts = [size * CANDIDATES * CLASSES for size in comm.allgather(len(own))]
    comm.Gatherv(flat, [everything, counts, "f"] if comm.rank == 0 else None)
    if everything is not None:
        scores = FORMULAS[metric, CLASSIFICATION](everything.reshape(MEMBERS, CANDIDATES, CLASSES), None)
        np.argsort(-scores)[:CHOSEN]


def peak_memory(function: Callable[[], Any]) -> float:
    """MB that a call takes at its peak and that are no file's."""
    ctypes.CDLL(None).malloc_trim(0)
    before = private_memory()
    found, ended = [before], threading.Event()

    def watch() -> None:
        while not ended.wait(0.0005):
            found.append(private_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    function()
    ended.set()
    thread.join()
    return max(found) - before


def private_memory() -> float:
    """MB of this process that are no file's."""
    pages = [int(word) for word in Path("/proc/self/statm").read_text().split()]
    return (pages[1] - pages[2]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def medians(comm: Any, functions: list[Callable[[], Any]], twice: int) -> list[float]:
    """Median time until the last rank is done, for each in turn; that numbered ``twice`` is called twice."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(ROUNDS):
        for number, function in enumerate(functions):
            if number == twice and turn > 1:
                continue
            comm.Barrier()
            start = time.perf_counter()
            function()
            times[number].append(max(comm.allgather(time.perf_counter() - start)))
    return [statistics.median(t) for t in times]


def measure(comm: Any, folder: Path) -> list[Timing]:
    """Time all metrics."""
    from rose_mpi.uq import score_ensemble

    mine = range(comm.rank, MEMBERS, comm.size)
    own = [prediction(member) for member in mine]
    words = [rows.reshape(-1).view(np.int64) for rows in own]
    for member, rows in zip(mine, own, strict=True):
        np.save(folder / f"{member}.npy", rows)
    files = [np.load(folder / f"{member}.npy", mmap_mode="r") for member in mine]
    timings = []
    for metric in METRICS:
        in_memory = lambda metric=metric: score_ensemble(comm, own, metric, CHOSEN)  # noqa: E731
        in_files = lambda metric=metric: score_ensemble(comm, files, metric, CHOSEN)  # noqa: E731
        peaks = []
        for function in (in_memory, in_files):
            function()
            peaks.append(max(comm.allgather(peak_memory(function))))
        memory, mapped, plain, read = medians(
            comm,
            [
                in_memory,
                in_files,
                lambda metric=metric: gather_and_score(comm, own, metric),
                lambda: [read_words(part) for part in words],
            ],
            twice=2,
        )
        quotients = plain / memory, read / memory, read / mapped
        timings.append(Timing(comm.size, metric, memory, mapped, plain, read, *quotients, *peaks))
    return timings


def show(timings: list[Timing]) -> None:
    """Print a table and JSON lines."""
    ranks = timings[0].ranks
    print(f"{ranks} ranks, {MEMBERS} predictions [{CANDIDATES}, {CLASSES}] float32, {CHOSEN} chosen")
    print(
        f"{'':20} {'memory':>10} {'files':>10} {'NumPy':>10} {'read':>10} {'x NumPy':>8} {'of read':>8} "
        f"{'(files)':>8} {'peak MB':>8} {'(files)':>8}"
    )
    for t in timings:
        times = " ".join(f"{value * 1e3:7.1f} ms" for value in (t.memory, t.files, t.numpy, t.read))
        print(
            f"{t.metric:20} {times} {t.times_numpy:8.1f} {t.part_of_read:8.2f} {t.files_part_of_read:8.2f} "
            f"{t.peak:8.1f} {t.files_peak:8.1f}"
        )
    for t in timings:
        print(json.dumps({"benchmark": "ensemble", **asdict(t)}), flush=True)


def run_as_rank() -> None:
    """Measure with the ranks that the launcher started."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    read_words(np.zeros(1, np.int64))
    folder = Path(comm.bcast(tempfile.mkdtemp(prefix="rose-benchmark-") if comm.rank == 0 else None))
    try:
        timings = measure(comm, folder)
    finally:
        comm.Barrier()
        if comm.rank == 0:
            shutil.rmtree(folder)
    if comm.rank == 0:
        show(timings)


def main() -> None:
    """Measure under a launcher, else start it for several numbers of ranks."""
    if {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"} & set(os.environ):
        run_as_rank()
        return
    launcher = Path(sys.executable).with_name("mpirun")
    for ranks in ("1", "2", "4"):
        mpirun = str(launcher) if launcher.exists() else "mpirun"
        spread = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
        subprocess.run(
            [mpirun, "-n", ranks, sys.executable, __file__], env={**os.environ, **spread}, check=True
        )


if __name__ == "__main__":
    main()
