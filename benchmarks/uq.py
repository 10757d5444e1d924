"""Each kernel beside the plain NumPy formula and beside a plain read of the same bytes.

    python benchmarks/uq.py [--threads 2]

It takes two minutes and 2 GB of memory. The three are timed in turn; medians of the rounds are shown,
with their quotients and the memory that the kernel takes beyond the predictions and its scores, and then the
same as JSON lines. A plain read is a compiled sum over the predictions as 8-byte integers, on as many
threads. The first calls of kernels in a new process, compiled before, are timed at the end; what numba takes
for its import, and once in a process before any call, is shown apart.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

from rose_mpi.uq.evaluate import evaluate
from rose_mpi.uq.registry import CLASSIFICATION, METRICS, REGRESSION
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.selection import top_k

SHAPES = {CLASSIFICATION: (16, 200_000, 10), REGRESSION: (64, 1_000_000)}
TARGETS = {CLASSIFICATION: "int64", REGRESSION: "float64"}
ROUNDS = 7
SLOW = ("predictive_interval_width", "variation_ratio", "vote_entropy", "average_kl", "crps")
Formula = Callable[..., Any]


def entropy(p: np.ndarray) -> np.ndarray:
    """Entropy over the last axis."""
    return -np.sum(p * np.log(p + 1e-8), axis=-1)


def two_best(p: np.ndarray) -> np.ndarray:
    """The second best and the best mean probability."""
    return np.partition(p.mean(axis=0), -2, axis=1)[:, -2:]


def vote_shares(p: np.ndarray) -> np.ndarray:
    """Share of the votes of each class."""
    return (p.argmax(axis=2)[..., None] == np.arange(p.shape[2])).mean(axis=0)


def majority(p: np.ndarray) -> np.ndarray:
    """Share of the most voted class."""
    votes = p.argmax(axis=2)
    return np.apply_along_axis(lambda v: np.bincount(v).max(), 0, votes) / len(p)


def normal_nll(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Negative logarithm of a normal density."""
    variance = p.var(axis=0) + 1e-8
    return 0.5 * (np.log(2 * np.pi * variance) + (y - p.mean(axis=0)) ** 2 / variance)


def gini(p: np.ndarray) -> np.ndarray:
    """Mean distance of any two members."""
    members = len(p)
    weights = 2 * np.arange(members) + 1 - members
    return 2 * np.tensordot(weights, np.sort(p, axis=0), 1) / members**2


FORMULAS: dict[tuple[str, str], Formula] = {
    ("predictive_entropy", CLASSIFICATION): lambda p, y: entropy(p.mean(axis=0)),
    ("mutual_information", CLASSIFICATION): lambda p, y: entropy(p.mean(axis=0)) - entropy(p).mean(axis=0),
    ("variation_ratio", CLASSIFICATION): lambda p, y: 1 - majority(p),
    ("margin", CLASSIFICATION): lambda p, y: np.diff(two_best(p))[:, 0],
    ("vote_entropy", CLASSIFICATION): lambda p, y: entropy(vote_shares(p)),
    ("average_kl", CLASSIFICATION): lambda p, y: np.sum(
        p * np.log((p + 1e-8) / (p.mean(axis=0) + 1e-8)), axis=2
    ).mean(axis=0),
    ("least_confidence", CLASSIFICATION): lambda p, y: 1 - p.mean(axis=0).max(axis=1),
    ("negative_log_likelihood", CLASSIFICATION): lambda p, y: (
        -np.log(p.mean(axis=0)[np.arange(len(y)), y] + 1e-8)
    ),
    ("predictive_variance", REGRESSION): lambda p, y: p.var(axis=0),
    ("predictive_std", REGRESSION): lambda p, y: p.std(axis=0),
    ("predictive_interval_width", REGRESSION): lambda p, y: np.diff(
        np.percentile(p, [2.5, 97.5], axis=0), axis=0
    )[0],
    ("negative_log_likelihood", REGRESSION): normal_nll,
    ("crps", REGRESSION): lambda p, y: np.abs(p - y).mean(axis=0) - gini(p) / 2,
}


@dataclass(frozen=True)
class Timing:
    """Medians in seconds, and what they come to; MB of memory."""

    name: str
    dtype: str
    kernel: float
    numpy: float
    read: float
    times_numpy: float
    part_of_read: float
    gigabytes_per_second: float
    extra_memory: float


@numba.njit(nogil=True)
def read_words(words: np.ndarray) -> int:
    """Sum 8-byte words."""
    total = 0
    for i in range(words.size):
        total += words[i]
    return total


def read(predictions: np.ndarray, pool: ThreadPoolExecutor, threads: int) -> int:
    """Read every byte once."""
    words = predictions.reshape(-1).view(np.int64)
    return sum(pool.map(read_words, np.array_split(words, threads)))


def seconds(function: Callable[[], Any]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(functions: list[Callable[[], Any]], once: int | None = None) -> list[float]:
    """Median time of each, taken in turn; the one numbered ``once`` is called a single time."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(ROUNDS):
        for number, function in enumerate(functions):
            if turn == 0 or number != once:
                times[number].append(seconds(function))
    return [statistics.median(t) for t in times]


def extra_memory(function: Callable[[], Any], result: int) -> float:
    """MB that a call takes at its peak beyond ``result`` bytes that it returns."""
    function()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    function()
    return max(resident("VmHWM") - before - result / 1e6, 0.0)


def resident(what: str) -> float:
    """MB of this process's memory that are resident now (VmRSS), or were at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what))


def first_call(name: str, task_type: str) -> tuple[float, float, float]:
    """Seconds in a new process of numba's import, of what it sets up for any first call, and of the kernel's.

    The set-up is seen in a call of another kernel, the smallest.
    """
    shape = SHAPES[task_type][2:]
    code = f"""
import time, numpy as np
times = [time.perf_counter()]
import numba
times.append(time.perf_counter())
from rose_mpi.uq.kernels.checks import first_bad_value
first_bad_value(np.zeros((1, 1)))
times.append(time.perf_counter())
from rose_mpi.uq.evaluate import evaluate
from rose_mpi.uq.registry import METRICS
from rose_mpi.uq.scorer import UQScorer
predictions = np.full((16, 300, *{shape}), 1 / 10, np.float32)
evaluate(METRICS[{name!r}], UQScorer({task_type!r}), predictions, np.zeros(300, {TARGETS[task_type]!r}))
times.append(time.perf_counter())
print(*np.diff(times))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported, prepared, called = map(float, done.stdout.split())
    return imported, prepared, called


def predictions_of(task_type: str, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Random predictions and targets, the same each time."""
    rng = np.random.default_rng(0)
    shape = SHAPES[task_type]
    if task_type == REGRESSION:
        return rng.standard_normal(shape, dtype=np.float32).astype(dtype), rng.standard_normal(shape[1])
    predictions = rng.random(shape, dtype=np.float32).astype(dtype) + dtype(1e-3)
    predictions /= predictions.sum(axis=2, keepdims=True)
    return predictions, rng.integers(shape[2], size=shape[1])


def time_kernels(task_type: str, dtype: type, threads: int, pool: ThreadPoolExecutor) -> list[Timing]:
    """Time every metric of one task type."""
    predictions, targets = predictions_of(task_type, dtype)
    scorer = UQScorer(task_type)
    timings = []
    for (name, kind), formula in FORMULAS.items():
        if kind != task_type:
            continue
        metric = METRICS[name]
        evaluate(metric, scorer, np.ascontiguousarray(predictions[:, :1]), targets)
        score = lambda metric=metric: evaluate(metric, scorer, predictions, targets, threads=threads)  # noqa: E731
        extra = extra_memory(score, 8 * predictions.shape[1])
        kernel, plain, reading = medians(
            [
                score,
                lambda formula=formula: formula(predictions, targets),
                lambda: read(predictions, pool, threads),
            ],
            once=1 if name in SLOW else None,
        )
        label = f"{name} ({task_type})" if len(metric.task_types) > 1 else name
        speed = predictions.nbytes / kernel / 1e9
        dtype_name = np.dtype(dtype).name
        timings.append(
            Timing(label, dtype_name, kernel, plain, reading, plain / kernel, reading / kernel, speed, extra)
        )
    return timings


def time_selection() -> Timing:
    """Time the choice of 1000 of 1,000,000 candidates, beside a full sort."""
    scores = np.random.default_rng(0).random(1_000_000)
    chosen, plain, reading = medians(
        [lambda: top_k(scores, 1000), lambda: np.argsort(-scores)[:1000], scores.sum]
    )
    speed = scores.nbytes / chosen / 1e9
    extra = extra_memory(lambda: top_k(scores, 1000), 0)
    return Timing(
        "top 1000 of 1e6", "float64", chosen, plain, reading, plain / chosen, reading / chosen, speed, extra
    )


def show_first_calls() -> None:
    """Time and print the first call of each kernel, and what numba takes before any."""
    calls = {f"{name} ({task_type})": first_call(name, task_type) for name, task_type in FORMULAS}
    imported, prepared, _ = np.median(list(calls.values()), axis=0)
    print("\nfirst call in a new process, compiled before")
    own = {name: called for name, (_, _, called) in calls.items()}
    rows = {"import numba": imported, "numba's set-up, once in a process": prepared, **own}
    for name, duration in rows.items():
        print(f"{name:42} {duration * 1e3:7.1f} ms")
    print()
    for name, duration in rows.items():
        print(json.dumps({"benchmark": "uq first call", "name": name, "seconds": duration}))


def main() -> None:
    """Time everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    timings = []
    with ThreadPoolExecutor(threads) as pool:
        read(np.zeros(threads), pool, threads)
        for task_type in SHAPES:
            for dtype in (np.float32, np.float64):
                timings += time_kernels(task_type, dtype, threads, pool)
    timings.append(time_selection())
    print(f"{threads} threads; classification {SHAPES[CLASSIFICATION]}, regression {SHAPES[REGRESSION]}\n")
    columns = f"{'kernel':>10} {'NumPy':>10} {'read':>10} {'x NumPy':>8} {'of read':>8} {'extra MB':>8}"
    print(f"{'':42} {'dtype':8} {columns}")
    for t in timings:
        times = [f"{value * 1e3:7.1f} ms" for value in (t.kernel, t.numpy, t.read)]
        quotients = f"{t.times_numpy:8.1f} {t.part_of_read:8.2f} {t.extra_memory:8.1f}"
        print(f"{t.name:42} {t.dtype:8} {' '.join(times)} {quotients}")
    show_first_calls()
    for t in timings:
        print(json.dumps({"benchmark": "uq", "threads": threads, **asdict(t)}))


if __name__ == "__main__":
    main()
