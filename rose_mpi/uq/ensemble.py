"""Scoring of an ensemble whose predictions lie on many ranks, as one collective call.

The predictions stay where they were made until they are transposed: each rank receives every member's rows
for its share of the candidates, a block at a time, scores them, and the best are merged. What can fail on one
rank alone is agreed upon before anybody goes on, so that all raise the same error and none waits for ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import ArrayLike, NDArray

from rose_mpi.uq.agreement import agreed
from rose_mpi.uq.batches import TOP
from rose_mpi.uq.choosing import Scored, choose
from rose_mpi.uq.evaluate import CHUNK, evaluate
from rose_mpi.uq.parts import Part
from rose_mpi.uq.plan import Offer, Plan, Question, as_indices, make_offer, make_plan
from rose_mpi.uq.registry import RANDOM
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.scores import Scores
from rose_mpi.uq.uniform import uniform
from rose_mpi.uq.validation import check_prediction, check_targets


def score_ensemble(
    comm: MPI.Intracomm,
    predictions: Sequence[ArrayLike],
    metric: str,
    k: int | float,
    *,
    task_type: str | None = None,
    positions: Sequence[int] | None = None,
    excluded: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    parameters: Mapping[str, float] | None = None,
    batch: str = TOP,
    features: ArrayLike | None = None,
    seed: int = 0,
    threads: int = 1,
    block: int | None = None,
) -> Scores:
    """Score the candidates of a pool by an ensemble and choose the ``k`` most uncertain.

    Collective over ``comm``. The result is the same on all ranks, and has the same bits for every number of
    ranks, distribution of the members over them, ``threads`` and ``block``.

    Parameters
    ----------
    predictions:
        The predictions that lie on this rank, possibly none: ``[candidates, classes]`` of probabilities or
        ``[candidates]``, real numbers of any type, memory-mapped files too. They are scored in float32
        if that holds all of them exactly, else in float64.
    k:
        How many candidates to choose: a number, or the fraction of the pool (0 < f < 1).
    task_type:
        ``"classification"`` or ``"regression"``; by default what the metric and the shape say.
    positions:
        Number of each local prediction among all, which is the order of summation; by default they are
        counted by rank, then as listed.
    excluded:
        Candidates that must not be chosen; the same on all ranks.
    targets:
        True classes or values ``[candidates]``, for the metrics that need them; the same on all ranks.
    parameters:
        Numbers that the metric and the batch take, such as ``best``; the same on all ranks.
    batch:
        How the chosen are put together: the best (``"top"``), or as by :func:`rose_mpi.uq.power_sample`
        (``"power"``), ``diverse_top_k`` (``"diverse"``), ``k_center`` or ``batch_bald``.
    features:
        Of all candidates, for ``"diverse"`` and ``"k_center"``; the same on all ranks.
        ``[candidates, features]``
    seed:
        For the metrics ``random`` and ``thompson`` and what else is drawn.
    threads:
        Threads on this rank for the built-in metrics.
    block:
        Candidates that one rank scores at a time, by default as many as fill a few MB: it bounds the memory.

    Raises
    ------
    ScoreError
        The same on all ranks: if predictions are missing or do not fit one another, if an argument is wrong
        or not the same on all ranks, or if the user's own metric fails.
    PredictionError
        The same on all ranks, a ``ScoreError`` that says which prediction: if one has the wrong shape or
        type, is not finite, or is no probability.
    """

    def describe() -> tuple[list[NDArray[Any]], NDArray[np.int64], Offer]:
        arrays = [np.asarray(prediction) for prediction in predictions]
        masked = as_indices(excluded)
        checksum = zlib.crc32(masked.tobytes())
        question = Question(
            metric,
            k,
            task_type,
            checksum,
            targets is not None,
            seed,
            block,
            dict(parameters or {}),
            batch,
            None if features is None else np.shape(features),
        )
        return arrays, masked, make_offer(arrays, positions, question)

    arrays, masked, offer = agreed(comm, describe)
    plan = make_plan(comm.allgather(offer), masked)
    share = agreed(comm, lambda: _prepare(plan, comm.rank, arrays, targets, features, seed, threads))
    scores = _score_share(comm, plan, share)
    return _select(comm, plan, share, scores, masked)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one rank brings to the exchange and needs to score its candidates.

    Attributes
    ----------
    rows:
        The local predictions, each ``[candidates, width]``.
    """

    start: int
    stop: int
    rows: tuple[NDArray[Any], ...]
    targets: NDArray[Any] | None
    features: NDArray[Any]
    scorer: UQScorer
    seed: int
    threads: int


def _prepare(
    plan: Plan,
    rank: int,
    arrays: Sequence[NDArray[Any]],
    targets: ArrayLike | None,
    features: ArrayLike | None,
    seed: int,
    threads: int,
) -> _Share:
    """Check every value that lies on this rank, the prediction with the smallest number first."""
    rows = tuple(array.reshape(plan.shape[0], plan.width) for array in arrays)
    by_position = sorted(zip(plan.positions[rank], rows, strict=True), key=itemgetter(0))
    for position, prediction in by_position:
        check_prediction(prediction, position, plan.task_type, plan.dtype)
    true_values = None
    if plan.metric.needs_targets and targets is not None:
        true_values = check_targets(targets, plan.task_type, plan.shape)
    start, stop = plan.partition.share(rank)
    own_features = np.asarray(features)[start:stop] if plan.batch.needs_features else np.empty((0, 0))
    return _Share(start, stop, rows, true_values, own_features, UQScorer(plan.task_type), seed, threads)


def _score_share(comm: MPI.Intracomm, plan: Plan, share: _Share) -> NDArray[np.float64]:
    """Scores of the rank's candidates; a rank whose metric fails still serves the others' exchange."""
    if plan.metric.name == RANDOM:
        return uniform(share.seed, share.start, share.stop - share.start)
    scores = np.empty(share.stop - share.start)
    failures: list[Exception] = []
    for start, block in _transposed(comm, plan, share.rows):
        if not failures:
            try:
                scores[start - share.start :][: block.shape[1]] = _score_block(plan, share, start, block)
            except Exception as error:
                failures.append(error)

    def result() -> NDArray[np.float64]:
        if failures:
            raise failures[0]
        return scores

    return agreed(comm, result)


def _score_block(plan: Plan, share: _Share, start: int, block: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of the candidates from ``start`` on; a user's own metric sees the same chunks always."""
    candidates = block.shape[1]
    step = max(candidates, 1) if plan.metric.function is None else CHUNK
    scores = np.empty(candidates)
    for first in range(0, candidates, step):
        part = slice(first, min(first + step, candidates))
        targets = None if share.targets is None else share.targets[start:][part]
        scores[part] = evaluate(
            plan.metric,
            share.scorer,
            block[:, part],
            targets,
            first=start + first,
            seed=share.seed,
            threads=share.threads,
        )
    return scores


def _transposed(
    comm: MPI.Intracomm, plan: Plan, rows: Sequence[NDArray[Any]]
) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """All members' predictions for this rank's candidates, round by round.

    Yields the first candidate and ``[members, candidates, classes]`` or ``[members, candidates]``, in a
    buffer that the next round overwrites; no candidates in rounds where only other ranks have some left.
    """
    order = np.argsort(np.concatenate(plan.positions))
    in_order = bool((np.diff(order) == 1).all())
    counts = [len(on_rank) for on_rank in plan.positions]
    largest = [_length(plan.partition.piece(rank, 0)) for rank in range(comm.size)]
    sent = np.empty((len(rows) * sum(largest), plan.width), plan.dtype)
    received = sent
    if comm.size > 1:
        received = np.empty((len(order) * largest[comm.rank], plan.width), plan.dtype)
    row_type = MPI.Datatype.fromcode(plan.dtype.char).Create_contiguous(plan.width).Commit()
    try:
        for step in range(plan.partition.rounds):
            pieces = [plan.partition.piece(rank, step) for rank in range(comm.size)]
            _pack(pieces, rows, sent)
            start, length = pieces[comm.rank][0], _length(pieces[comm.rank])
            if comm.size > 1:
                to = [len(rows) * _length(piece) for piece in pieces]
                back = [count * length for count in counts]
                comm.Alltoallv([sent, to, row_type], [received, back, row_type])
            block = received[: len(order) * length].reshape(len(order), length, *plan.shape[1:])
            yield start, block if in_order else block[order]
    finally:
        row_type.Free()


def _pack(
    pieces: Sequence[tuple[int, int]], rows: Sequence[NDArray[Any]], buffer: NDArray[np.floating]
) -> None:
    """Copy the local members' rows for each rank's piece, rank after rank and member after member."""
    offset = 0
    for start, stop in pieces:
        for prediction in rows:
            buffer[offset : offset + stop - start] = prediction[start:stop]
            offset += stop - start


def _length(piece: tuple[int, int]) -> int:
    return piece[1] - piece[0]


def _select(
    comm: MPI.Intracomm,
    plan: Plan,
    share: _Share,
    scores: NDArray[np.float64],
    masked: NDArray[np.int64],
) -> Scores:
    """Choose from all ranks' shares."""
    candidates = plan.shape[0]
    part = Part(share.start, share.stop - share.start, candidates, masked)
    members = dict(zip(plan.positions[comm.rank], share.rows, strict=True))
    scored = Scored(part, scores, members, share.features, share.seed, share.threads)
    chosen = choose(comm, plan, scored)
    sums: list[NDArray[np.float64]] = comm.allgather(_chunk_sums(scores, part.kept))
    left = candidates - len(masked)
    return Scores(
        indices=chosen.indices,
        scores=chosen.scores,
        uncertainty=float(chosen.scores.mean()) if plan.k else float("nan"),
        pool_uncertainty=float(np.concatenate(sums).sum()) / left if left else float("nan"),
        candidates=candidates,
    )


def _chunk_sums(scores: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum of the kept scores in each chunk of the pool, whose total is the same for all partitions."""
    padded = np.zeros((-(-len(scores) // CHUNK), CHUNK))
    padded.reshape(-1)[: len(scores)][kept] = scores[kept]
    sums: NDArray[np.float64] = padded.sum(axis=1)
    return sums
