"""Scores of candidates whose predictions are all at hand, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.metrics import THOMPSON
from rose_mpi.uq.registry import CLASSIFICATION, RANDOM, Metric
from rose_mpi.uq.thompson import drawn_members, sampled_values
from rose_mpi.uq.uniform import uniform

CHUNK: Final = 256
"""Work is divided between ranks and threads only at multiples of this many candidates."""

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


def find_kernel(name: str, task_type: str) -> Callable[..., None]:
    """The compiled formula of a built-in metric other than ``random`` and ``thompson``."""
    from rose_mpi.uq.kernels import acquisition, classification, regression  # noqa: PLC0415  (numba)

    modules = (classification,) if task_type == CLASSIFICATION else (regression, acquisition)
    kernel: Callable[..., None] = next(vars(module)[name] for module in modules if name in vars(module))
    return kernel


def evaluate(
    metric: Metric,
    scorer: Any,
    predictions: NDArray[np.floating],
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
        ``[members, candidates, classes]`` or ``[members, candidates]``, C-contiguous float32 or float64.
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
    ScoreError
        If a user's metric returns anything but one number per candidate, or any score is NaN.
    """
    candidates = predictions.shape[1]
    extra: tuple[Any, ...] = (targets,) if metric.needs_targets else ()
    if metric.function is not None:
        scores = _one_score_each(metric, metric.function(scorer, predictions, *extra), candidates)
    elif metric.name == RANDOM:
        scores = uniform(seed, first, candidates)
    elif metric.name == THOMPSON:
        scores = sampled_values(predictions, drawn_members(seed, 1, len(predictions))[0], metric)
    else:
        kernel = find_kernel(metric.name, scorer.task_type)
        scores = np.empty(candidates)
        extra += tuple(metric.parameters.values())
        for_ranges(lambda a, b: kernel(predictions, scores, a, b, *extra), candidates, threads)
    if candidates and np.isnan(scores.min()):
        undefined = first + np.flatnonzero(np.isnan(scores))[0]
        raise ScoreError(f"metric {metric.name!r} gives candidate {undefined} the score NaN")
    return scores


def for_ranges(function: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call ``function(start, stop)`` for ranges that cover ``0:count`` and begin at multiples of CHUNK.

    There are more ranges than threads, so that a thread that is held up leaves some to the others.
    """
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
