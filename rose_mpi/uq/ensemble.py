"""Scoring of an ensemble whose predictions lie on many ranks, as one collective call.

Each rank scores its share of the candidates, for which it needs every member's rows: it reads its own
predictions in place, maps those that are files, and receives the others a block at a time. Then the
candidates are chosen together. What can fail on one rank alone is agreed upon before anybody goes on, so that
all raise the same error and none waits for ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import ArrayLike, NDArray

from rose_mpi.metrics import THOMPSON
from rose_mpi.uq.agreement import agreed, precedence
from rose_mpi.uq.batches import TOP
from rose_mpi.uq.calibration import Calibration
from rose_mpi.uq.choosing import Scored, choose
from rose_mpi.uq.evaluate import CHUNK, check_members, evaluate
from rose_mpi.uq.exchange import Block, Exchange
from rose_mpi.uq.mapped import map_again
from rose_mpi.uq.parts import Part
from rose_mpi.uq.plan import Offer, Plan, Question, as_indices, make_offer, make_plan
from rose_mpi.uq.registry import RANDOM
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.scores import Scores
from rose_mpi.uq.uniform import uniform
from rose_mpi.uq.validation import PredictionError, check_prediction, check_targets


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
        ``[candidates]``, real numbers of any type. They are scored in float32 if that holds all of them
        exactly, else in float64. Files mapped read-only, such as ``numpy.load(path, mmap_mode="r")`` gives,
        are mapped by all ranks if all find them under that path, instead of being sent.
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
        True classes or values ``[candidates]``, for the metrics that need them and for the calibration of
        the result; the same on all ranks.
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
        Candidates that one rank scores at a time, by default as many as fill a few MB. A rank needs memory
        for two blocks on their way to it, for those predictions in a block of its own that have another
        type, and some 25 bytes for each candidate of its share, 75 where there are targets or a batch.

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
    offers = comm.allgather(offer)
    plan = make_plan(offers, masked)
    share = agreed(comm, lambda: _prepare(plan, comm.rank, arrays, targets, features, seed, threads))
    if plan.metric.name == RANDOM and not share.calibration:
        scores = agreed(comm, lambda: _drawn(plan, share))
    else:
        scores = _score_share(comm, plan, share, _exchange(comm, plan, offers, share.own))
    return _select(comm, plan, share, scores, masked)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one rank brings and needs to score its candidates and to choose among all.

    Attributes
    ----------
    own:
        The local predictions by position, each ``[candidates, width]``.
    """

    start: int
    stop: int
    own: Mapping[int, NDArray[Any]]
    targets: NDArray[Any] | None
    calibration: Calibration | None
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
    rows = [array.reshape(plan.shape[0], plan.width) for array in arrays]
    own = dict(sorted(zip(plan.positions[rank], rows, strict=True), key=itemgetter(0)))
    true_values = None
    calibration = None
    start, stop = plan.partition.share(rank)
    if targets is not None:
        true_values = check_targets(targets, plan.task_type, plan.shape)
        calibration = Calibration(plan.task_type, true_values[start:stop], start, threads)
    own_features = np.asarray(features)[start:stop] if plan.batch.needs_features else np.empty((0, 0))
    scorer = UQScorer(plan.task_type)
    return _Share(start, stop, own, true_values, calibration, own_features, scorer, seed, threads)


def _drawn(plan: Plan, share: _Share) -> NDArray[np.float64]:
    """Random scores; the local predictions are looked at, and nothing is exchanged."""
    for position, rows in share.own.items():
        check_prediction(rows, position, plan.task_type, plan.dtype)
    return uniform(share.seed, share.start, share.stop - share.start)


def _exchange(
    comm: MPI.Intracomm, plan: Plan, offers: Sequence[Offer], own: Mapping[int, NDArray[Any]]
) -> Exchange:
    """Agree on the files that all ranks can map; the other predictions are sent."""
    mapped = _map_files(plan, offers, own)
    everywhere = set(mapped).intersection(*comm.allgather(frozenset(mapped)))
    readable = {position: mapped[position] for position in everywhere}
    sent = [[position for position in on if position not in everywhere] for on in plan.positions]
    readable |= {position: own[position] for position in sent[comm.rank]}
    shaped = {position: array.reshape(plan.shape) for position, array in readable.items()}
    return agreed(comm, lambda: Exchange(comm, plan, shaped, sent))


def _map_files(
    plan: Plan, offers: Sequence[Offer], own: Mapping[int, NDArray[Any]]
) -> dict[int, NDArray[Any]]:
    """The predictions that are files and that this rank finds, by position."""
    mapped = {}
    for offer, positions in zip(offers, plan.positions, strict=True):
        for n, (position, file) in enumerate(zip(positions, offer.files, strict=True)):
            if file is not None:
                mine = position in own
                array = own[position] if mine else map_again(file, offer.shapes[n], offer.dtypes[n])
                if array is not None:
                    mapped[position] = np.asarray(array)
    return mapped


def _score_share(comm: MPI.Intracomm, plan: Plan, share: _Share, exchange: Exchange) -> NDArray[np.float64]:
    """Scores of the rank's candidates; a rank that fails still serves the others' exchange.

    After a failure values are looked at still, so that all ranks tell of the same prediction.
    """
    scores = np.empty(share.stop - share.start)
    failures: list[Exception] = []
    for block in exchange.blocks():
        try:
            if failures:
                check_members(block.predictions, plan.task_type, block.first)
            else:
                _score_block(plan, share, block, scores, exchange)
        except PredictionError as error:
            position = exchange.positions[error.position]
            failures.append(PredictionError(position, error.candidate, error.reason))
        except Exception as error:
            failures.append(error)

    def result() -> NDArray[np.float64]:
        if failures:
            raise min(failures, key=precedence)
        return scores

    return agreed(comm, result)


def _score_block(
    plan: Plan, share: _Share, block: Block, scores: NDArray[np.float64], exchange: Exchange
) -> None:
    """Score a block; a user's metric sees the same chunks always."""
    members = block.predictions
    if plan.metric.function is not None or plan.metric.name in (THOMPSON, RANDOM):
        check_members(members, plan.task_type, block.first)
    if share.calibration:
        share.calibration.look(members, block.first)
    candidates = len(members[0])
    in_shards = plan.metric.function is not None and not plan.metric.whole_pool
    step = CHUNK if in_shards else max(candidates, 1)
    for first in range(0, candidates, step):
        part = slice(first, min(first + step, candidates))
        pool = slice(block.first + part.start, block.first + part.stop)
        scores[pool.start - share.start : pool.stop - share.start] = evaluate(
            plan.metric,
            share.scorer,
            members[:, part] if isinstance(members, np.ndarray) else [rows[part] for rows in members],
            None if share.targets is None else share.targets[pool],
            first=pool.start,
            seed=share.seed,
            threads=share.threads,
        )
        exchange.progress()


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
    scored = Scored(part, scores, share.own, share.features, share.seed, share.threads)
    chosen = choose(comm, plan, scored)
    sums: list[NDArray[np.float64]] = comm.allgather(_chunk_sums(scores, part.own_excluded))
    left = candidates - len(masked)
    return Scores(
        indices=chosen.indices,
        scores=chosen.scores,
        uncertainty=float(chosen.scores.mean()) if plan.k else float("nan"),
        pool_uncertainty=float(np.concatenate(sums).sum()) / left if left else float("nan"),
        candidates=candidates,
        calibration=share.calibration.report(comm, part.kept) if share.calibration else {},
    )


def _chunk_sums(scores: NDArray[np.float64], excluded: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of the other scores in each chunk of the pool, whose total is the same for all partitions."""
    padded = np.zeros(-(-len(scores) // CHUNK) * CHUNK)
    padded[: len(scores)] = scores
    padded[excluded] = 0.0
    sums: NDArray[np.float64] = padded.reshape(-1, CHUNK).sum(axis=1)
    return sums
