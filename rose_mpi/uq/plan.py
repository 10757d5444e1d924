"""What the ranks of a collective scoring bring and ask for, and what they will do: no MPI in here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.uq.batches import TOP, Batch, settled_choice
from rose_mpi.uq.evaluate import CHUNK, working_dtype
from rose_mpi.uq.mapped import MappedFile, files_of
from rose_mpi.uq.partition import Partition
from rose_mpi.uq.registry import CLASSIFICATION, REGRESSION, TASK_TYPES, Metric, find_metric
from rose_mpi.uq.selection import query_count
from rose_mpi.uq.validation import PredictionError

_BUFFER_BYTES: Final = 8 << 20
LARGEST_COUNT: Final = 2**31 - 1
"""MPI counts so many numbers."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; every rank must ask the same.

    Attributes
    ----------
    excluded:
        Checksum of the excluded candidates.
    targets:
        Whether there are true values.
    parameters:
        Those of the metric and of the batch that are given.
    features:
        Shape of the candidates' features, where there are any.
    """

    metric: str
    k: int | float
    task_type: str | None
    excluded: int
    targets: bool
    seed: int
    block: int | None
    parameters: Mapping[str, float] = field(default_factory=dict)
    batch: str = TOP
    features: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What one rank brings.

    Attributes
    ----------
    positions:
        Numbers of its predictions among all; ``None``: by rank, then as listed.
    files:
        What each of them maps; ``None`` where it is in memory.
    """

    question: Question
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype[Any], ...]
    positions: tuple[int, ...] | None
    files: tuple[MappedFile | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What all ranks do.

    Attributes
    ----------
    shape:
        ``(candidates, classes)`` or ``(candidates,)``.
    dtype:
        float32 or float64: what predictions are sent and scored in.
    positions:
        Numbers of the members that lie on each rank.
    k:
        How many candidates to choose.
    """

    metric: Metric
    task_type: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    positions: tuple[tuple[int, ...], ...]
    k: int
    batch: Batch
    partition: Partition

    @property
    def width(self) -> int:
        """Numbers in one member's row for one candidate."""
        return self.shape[1] if len(self.shape) > 1 else 1


def as_indices(excluded: ArrayLike | None) -> NDArray[np.int64]:
    """Excluded candidates, sorted, each once.

    Raises
    ------
    ScoreError
        If they are no whole numbers.
    """
    indices = np.asarray([] if excluded is None else excluded)
    if indices.size and indices.dtype.kind not in "iu":
        raise ScoreError(f"excluded is of type {indices.dtype}; it must hold indices of candidates")
    return np.unique(indices).astype(np.int64)


def make_offer(arrays: Sequence[NDArray[Any]], positions: Sequence[int] | None, question: Question) -> Offer:
    """Describe what this rank brings.

    Raises
    ------
    ScoreError
        If it does not know the metric, the batch or one of their parameters, ``k`` or ``seed`` means nothing,
        or there are not as many positions as predictions.
    """
    _choice(question)
    _count(question, candidates=0)
    if not isinstance(question.seed, int | np.integer):
        raise ScoreError(f"seed is {question.seed!r}; it must be a whole number")
    if positions is not None and len(positions) != len(arrays):
        raise ScoreError(f"{len(positions)} positions are given for {len(arrays)} predictions")
    return Offer(
        question,
        tuple(array.shape for array in arrays),
        tuple(array.dtype for array in arrays),
        None if positions is None else tuple(map(int, positions)),
        files_of(arrays),
    )


def make_plan(offers: Sequence[Offer], excluded: NDArray[np.int64]) -> Plan:
    """Work out what to do; with the same arguments on all ranks it is the same on all.

    Raises
    ------
    ScoreError
        If ranks ask for different things, or predictions, metric and arguments do not fit one another.
    """
    _check_same_question(offers)
    question = offers[0].question
    metric, batch = _choice(question)
    positions = _positions(offers)
    members = sorted(
        (position, shape, dtype)
        for offer, on_rank in zip(offers, positions, strict=True)
        for position, shape, dtype in zip(on_rank, offer.shapes, offer.dtypes, strict=True)
    )
    if not members:
        raise ScoreError("there are no predictions to score")
    task_type = _task_type(question, metric, members[0][1])
    shape = _common_shape(members, task_type)
    if metric.needs_targets and not question.targets:
        raise ScoreError(f"metric {metric.name!r} needs targets, the candidates' true values")
    if len(excluded) and not 0 <= excluded[0] <= excluded[-1] < shape[0]:
        raise ScoreError(f"excluded names candidates outside 0 to {shape[0] - 1}")
    if batch.needs_features and (question.features is None or question.features[:1] != shape[:1]):
        given = "there are none" if question.features is None else f"their shape is {question.features}"
        raise ScoreError(f"batch {batch.name!r} needs features [{shape[0]} candidates, features]; {given}")
    k = _count(question, shape[0], len(excluded))
    dtype = working_dtype(dtype for _, _, dtype in members)
    block = _block(question.block, metric, positions, shape, dtype)
    partition = Partition(shape[0], len(offers), block, metric.whole_pool)
    return Plan(metric, task_type, shape, dtype, positions, k, batch, partition)


def _choice(question: Question) -> tuple[Metric, Batch]:
    try:
        return settled_choice(find_metric(question.metric), question.batch, question.parameters)
    except UsageError as error:
        raise ScoreError(str(error)) from None


def _count(question: Question, candidates: int, excluded: int = 0) -> int:
    try:
        return query_count(question.k, candidates, excluded)
    except UsageError as error:
        raise ScoreError(str(error)) from None


def _check_same_question(offers: Sequence[Offer]) -> None:
    first = asdict(offers[0].question)
    for rank, offer in enumerate(offers):
        for name, value in asdict(offer.question).items():
            if value != first[name]:
                raise ScoreError(f"{name} is not the same on ranks 0 and {rank}; it must be on all ranks")


def _positions(offers: Sequence[Offer]) -> tuple[tuple[int, ...], ...]:
    """Numbers of the members on each rank; a rank without predictions need not say."""
    holders = [offer for offer in offers if offer.shapes]
    if all(offer.positions is None for offer in holders):
        counts = [len(offer.shapes) for offer in offers]
        ends = np.cumsum(counts)
        return tuple(tuple(range(end - count, end)) for count, end in zip(counts, ends, strict=True))
    if any(offer.positions is None for offer in holders):
        raise ScoreError("positions are given on some ranks and not on others")
    positions = tuple(offer.positions or () for offer in offers)
    everyone = sorted(position for on_rank in positions for position in on_rank)
    for position, following in pairwise(everyone):
        if position == following:
            raise PredictionError(position, None, "two predictions have this position")
    return positions


def _task_type(question: Question, metric: Metric, shape: tuple[int, ...]) -> str:
    if question.task_type is not None and question.task_type not in TASK_TYPES:
        raise ScoreError(
            f"task_type is {question.task_type!r}; it must be {' or '.join(map(repr, TASK_TYPES))}"
        )
    if question.task_type is not None and question.task_type not in metric.task_types:
        raise ScoreError(
            f"metric {metric.name!r} is for {' or '.join(metric.task_types)}, not {question.task_type}"
        )
    if question.task_type is not None:
        return question.task_type
    if len(metric.task_types) == 1:
        return metric.task_types[0]
    return CLASSIFICATION if len(shape) > 1 and shape[1] > 1 else REGRESSION


def _common_shape(
    members: Sequence[tuple[int, tuple[int, ...], np.dtype[Any]]], task_type: str
) -> tuple[int, ...]:
    """Shape of every prediction; a regression's column ``[candidates, 1]`` counts as ``[candidates]``."""
    first, expected, _ = members[0]
    for position, shape, dtype in members:
        if dtype.kind not in "fiub":
            raise PredictionError(position, None, f"its type is {dtype}; real numbers are needed")
        if task_type == CLASSIFICATION and (len(shape) != 2 or shape[1] == 0):
            raise PredictionError(position, None, f"its shape is {shape}; it must be [candidates, classes]")
        if task_type == REGRESSION and (len(shape) == 0 or shape[1:] not in ((), (1,))):
            raise PredictionError(position, None, f"its shape is {shape}; it must be [candidates]")
        if _row_shape(shape, task_type) != _row_shape(expected, task_type):
            raise PredictionError(
                position, None, f"its shape is {shape}, but that of prediction {first} is {expected}"
            )
    return _row_shape(expected, task_type)


def _row_shape(shape: tuple[int, ...], task_type: str) -> tuple[int, ...]:
    return shape if task_type == CLASSIFICATION else shape[:1]


def _block(
    wanted: int | None,
    metric: Metric,
    positions: Sequence[Sequence[int]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> int:
    """Candidates a rank scores at a time, few enough for MPI to count the numbers of a round.

    Whole chunks where there may be so many, and for a user's own metric always.
    """
    counts = [len(on_rank) for on_rank in positions]
    row = max(sum(counts), max(counts) * len(counts)) * math.prod(shape[1:])
    if wanted is None:
        wanted = _BUFFER_BYTES // (row * dtype.itemsize)
    elif wanted < 1:
        raise ScoreError(f"block is {wanted}; it must be a number of candidates from 1")
    wanted = max(min(wanted, LARGEST_COUNT // row), 1)
    if wanted < CHUNK and metric.function is None:
        return wanted
    return max(wanted // CHUNK, 1) * CHUNK
