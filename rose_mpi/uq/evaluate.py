"""Scores of candidates whose predictions are all at hand, on any number of threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.metrics import THOMPSON
from rose_mpi.uq.registry import CLASSIFICATION, RANDOM, Metric
from rose_mpi.uq.scattered import as_one
from rose_mpi.uq.thompson import drawn_members, sampled_values
from rose_mpi.uq.uniform import uniform
from rose_mpi.uq.validation import PredictionError, check_prediction

CHUNK: Final = 256
"""Work is divided between ranks and threads only at multiples of this many candidates."""

Members = Sequence[NDArray[Any]] | NDArray[Any]
"""Each member's predictions, as arrays of one shape or as one array."""

_RANGES_PER_THREAD: Final = 4


def working_dtype(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """float32 if that holds predictions of all ``dtypes`` exactly, else float64.

    Raises
    ------
    ScoreError
        If one of them is no type of real numbers.
    """
    wide: np.dtype[Any] = np.dtype(np.float32)
    for dtype in dtypes:
        if dtype.kind not in "fiub":
            raise ScoreError(f"predictions are of type {dtype}; real numbers are needed")
        if not np.can_cast(dtype, np.float32):
            wide = np.dtype(np.float64)
    return wide


def find_kernel(name: str, task_type: str) -> Callable[..., bool | None]:
    """The compiled formula of a built-in metric other than ``random`` and ``thompson``."""
    from rose_mpi.uq.kernels import (  # noqa: PLC0415  (numba)
        acquisition,
        calibration,
        classification,
        regression,
    )

    formulas = (classification,) if task_type == CLASSIFICATION else (regression, acquisition)
    modules = (*formulas, calibration)
    kernel: Callable[..., bool | None] = next(
        vars(module)[name] for module in modules if name in vars(module)
    )
    return kernel


def evaluate(
    metric: Metric,
    scorer: Any,
    predictions: Members,
    targets: NDArray[Any] | None = None,
    *,
    first: int = 0,
    seed: int = 0,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Score candidates.

    Parameters
    ----------
    scorer:
        The ``UQScorer`` that a user's own metric is given; its task type chooses the formula.
    predictions:
        Each member's ``[candidates, classes]`` or ``[candidates]``, C-contiguous and aligned, all float32 or
        all float64; also as one array.
    targets:
        ``[candidates]``: int64 classes or float64 values, for the metrics that need them.
    first:
        Place in the pool of the first candidate.
    threads:
        Threads for the built-in metrics; a user's own runs on the calling thread.

    Returns
    -------
    float64 ``[candidates]``

    Raises
    ------
    PredictionError
        If a built-in metric other than ``random`` and ``thompson`` meets a value that is not finite or no
        probability. Members whose probabilities miss the sum 1 are found unless they make up for one another.
    ScoreError
        If a user's metric returns anything but one number per candidate, or any score is NaN.
    """
    candidates = len(predictions[0])
    extra: tuple[Any, ...] = (targets,) if metric.needs_targets else ()
    if metric.function is not None:
        scores = _one_score_each(metric, metric.function(scorer, np.asarray(predictions), *extra), candidates)
    elif metric.name == RANDOM:
        scores = uniform(seed, first, candidates)
    elif metric.name == THOMPSON:
        scores = sampled_values(predictions, drawn_members(seed, 1, len(predictions))[0], metric)
    else:
        scores = np.empty(candidates)
        if not _fill(scores, metric, scorer.task_type, predictions, extra, threads):
            check_members(predictions, scorer.task_type, first)
    if candidates and np.isnan(scores.min()):
        undefined = first + np.flatnonzero(np.isnan(scores))[0]
        raise ScoreError(f"metric {metric.name!r} gives candidate {undefined} the score NaN")
    return scores


def check_members(predictions: Members, task_type: str, first: int = 0) -> None:
    """Check every value of every member.

    Raises
    ------
    PredictionError
        For the first member with an unusable value; its position is the place in ``predictions``, and
        ``first`` the place in the pool of the first candidate.
    """
    for member, rows in enumerate(predictions):
        try:
            check_prediction(rows.reshape((*rows.shape, 1)[:2]), member, task_type, rows.dtype)
        except PredictionError as error:
            raise PredictionError(member, first + (error.candidate or 0), error.reason) from None


def _fill(
    scores: NDArray[np.float64],
    metric: Metric,
    task_type: str,
    predictions: Members,
    extra: tuple[Any, ...],
    threads: int,
) -> bool:
    """Run a built-in formula; whether all that it read was beyond doubt."""
    kernel = find_kernel(metric.name, task_type)
    values, offsets = as_one(list(predictions))
    shape = predictions[0].shape[1:]
    extra += tuple(metric.parameters.values())
    doubts = []
    for_ranges(
        lambda a, b: doubts.append(kernel(values, offsets, *shape, scores, a, b, *extra)),
        len(scores),
        threads,
    )
    return not any(doubts) and math.isfinite(scores.sum())


def for_ranges(function: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call ``function(start, stop)`` for ranges that cover ``0:count`` and begin at multiples of CHUNK.

    There are more ranges than threads, so that a thread that is held up leaves some to the others.

    Raises
    ------
    ScoreError
        If there is no thread.
    """
    if threads < 1:
        raise ScoreError(f"threads is {threads!r}; it must be a whole number from 1 on")
    if threads == 1:
        function(0, count)
        return
    chunks = -(-count // CHUNK)
    ranges = min(threads * _RANGES_PER_THREAD, max(chunks, 1))
    bounds = [min(chunks * number // ranges * CHUNK, count) for number in range(ranges + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(function, *pair) for pair in pairwise(bounds)]:
            done.result()


def _one_score_each(metric: Metric, returned: ArrayLike, candidates: int) -> NDArray[np.float64]:
    scores = np.asarray(returned, dtype=np.float64)
    if scores.shape != (candidates,):
        raise ScoreError(
            f"metric {metric.name!r} returned shape {scores.shape} for {candidates} candidates; "
            f"it must return one score per candidate, shape ({candidates},)"
        )
    return scores
