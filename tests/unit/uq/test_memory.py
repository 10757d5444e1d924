"""Kernels take no memory that grows with the pool, whatever they are asked."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.metrics import THOMPSON
from rose_mpi.uq.evaluate import evaluate
from rose_mpi.uq.registry import CLASSIFICATION, METRICS, RANDOM
from rose_mpi.uq.scorer import UQScorer

MEGABYTES = 8
CASES = [
    (metric.name, task_type)
    for metric in METRICS.values()
    for task_type in metric.task_types
    if metric.name not in (RANDOM, THOMPSON)
]


@cache
def predictions_of(task_type):
    """92 MB; one number for each candidate and class would be 23 MB."""
    shape = (8, 300_000, 10) if task_type == CLASSIFICATION else (8, 3_000_000)
    predictions = np.random.default_rng(0).random(shape, np.float32)
    if task_type == CLASSIFICATION:
        predictions /= predictions.sum(axis=2, keepdims=True)
        return predictions, np.zeros(shape[1], np.int64)
    return predictions, np.zeros(shape[1])


@pytest.fixture(scope="module", autouse=True)
def memory_is_given_back():
    yield
    predictions_of.cache_clear()


def resident(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("name", "task_type"), CASES)
def test_memory_is_that_of_a_tile(name, task_type, threads):
    predictions, targets = predictions_of(task_type)
    metric = replace(METRICS[name], parameters=dict.fromkeys(METRICS[name].parameters, 0.0))
    scorer = UQScorer(task_type)
    evaluate(metric, scorer, np.ascontiguousarray(predictions[:, :9]), targets[:9], threads=threads)
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    scores = evaluate(metric, scorer, predictions, targets, threads=threads)
    assert resident("VmHWM") - before < scores.nbytes / 2**20 + MEGABYTES
