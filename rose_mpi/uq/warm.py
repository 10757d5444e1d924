"""Make kernels ready before they are needed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np

from rose_mpi.uq.agreement import Alone
from rose_mpi.uq.bald import batch_bald
from rose_mpi.uq.batches import BATCH_BALD, BATCHES, DIVERSE, K_CENTER, POWER
from rose_mpi.uq.calibration import Calibration
from rose_mpi.uq.centers import k_center
from rose_mpi.uq.diverse import diverse_top_k
from rose_mpi.uq.evaluate import evaluate
from rose_mpi.uq.power import power_sample
from rose_mpi.uq.registry import CALIBRATION, CLASSIFICATION, METRICS, REGRESSION, Metric
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.validation import check_prediction


def warm(metrics: Iterable[str]) -> None:
    """Compile the kernels of the named metrics and batches, or load them from numba's cache.

    Of the processes that do so on a node at the same time one compiles; the others wait for it and load what
    it left. That takes seconds, so call it from a background thread. Names that are not built in are passed
    over.
    """
    for name in metrics:
        if name in METRICS:
            with _first_on_this_node(name):
                _call_once(METRICS[name])
        elif name in BATCHES:
            with _first_on_this_node(name):
                _choose_once(name)
        elif name == CALIBRATION:
            with _first_on_this_node(name):
                _calibrate_once()


def _call_once(metric: Metric) -> None:
    """Score a single candidate in every way that the metric allows."""
    metric = replace(metric, parameters=dict.fromkeys(metric.parameters, 0.0))
    for task_type in metric.task_types:
        shape, label = ((1, 1, 1), np.int64) if task_type == CLASSIFICATION else ((1, 1), np.float64)
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            check_prediction(np.ones((1, 1), dtype), 0, task_type, dtype)
            evaluate(metric, UQScorer(task_type), np.ones(shape, dtype), np.zeros(1, label))


@cache
def _choose_once(batch: str) -> None:
    """Choose one of two candidates in every way that the batch allows."""
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        if batch == POWER:
            power_sample(Alone(), np.ones(2), 1)
        elif batch == BATCH_BALD:
            batch_bald(Alone(), np.full((2, 2, 2), 0.5, dtype), 1)
        elif batch == K_CENTER:
            k_center(Alone(), np.eye(2, dtype=dtype), 1)
        elif batch == DIVERSE:
            diverse_top_k(Alone(), np.ones(2), np.eye(2, dtype=dtype), 2)


@cache
def _calibrate_once() -> None:
    """Compare a single candidate's predictions with its true value."""
    for dtype in (np.float32, np.float64):
        Calibration(CLASSIFICATION, np.zeros(1, np.int64)).look(np.ones((1, 1, 1), dtype), 0)
        Calibration(REGRESSION, np.zeros(1)).look(np.ones((1, 1), dtype), 0)


@contextmanager
def _first_on_this_node(name: str) -> Iterator[None]:
    """Hold a lock if no other process does; else go on, without it, as soon as that one is done."""
    from rose_mpi.uq.kernels.jit import private_folder  # noqa: PLC0415  (imports numba)

    with (private_folder() / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
