"""From the scores of a pool to the candidates that are chosen, over all ranks that scored it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rose_mpi.metrics import THOMPSON
from rose_mpi.uq.agreement import Communicator
from rose_mpi.uq.bald import choose_jointly, shortlist_size
from rose_mpi.uq.batches import BATCH_BALD, K_CENTER, POWER, TOP
from rose_mpi.uq.centers import k_center
from rose_mpi.uq.diverse import diverse_top_k
from rose_mpi.uq.parts import Part, best_here, best_of, gathered
from rose_mpi.uq.plan import Plan
from rose_mpi.uq.power import power_sample
from rose_mpi.uq.selection import Selection, merge
from rose_mpi.uq.thompson import drawn_members, sampled_values

_SLICE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Scored:
    """What one rank knows of its part of a pool.

    Attributes
    ----------
    scores:
        Those of the part. float64 ``[candidates]``
    members:
        The predictions that lie on this rank by their numbers, each for the whole pool.
    features:
        Those of the part where the batch needs them, else none of them. ``[candidates, features]``
    """

    part: Part
    scores: NDArray[np.float64]
    members: Mapping[int, NDArray[Any]]
    features: NDArray[Any]
    seed: int
    threads: int


def choose(comm: Communicator, plan: Plan, own: Scored) -> Selection:
    """Choose ``plan.k`` candidates, best first, with their scores by the metric. Collective.

    Raises
    ------
    ScoreError
        The same on all ranks: if features or scores do not suit the batch.
    """
    if plan.k == 0:
        return Selection(np.empty(0, np.int64), np.empty(0))
    if plan.batch.name == TOP:
        if plan.metric.name == THOMPSON:
            return _by_draws(comm, plan, own)
        return best_of(comm, own.part, own.scores, plan.k, minimise=plan.metric.minimise)
    indices = _batch(comm, plan, own).indices
    return Selection(indices, gathered(comm, own.part, own.scores, indices))


def _batch(comm: Communicator, plan: Plan, own: Scored) -> Selection:
    excluded, parameters = own.part.excluded, plan.batch.parameters
    if plan.batch.name == POWER:
        seed = own.seed + 1
        return power_sample(comm, own.scores, plan.k, beta=parameters["beta"], seed=seed, excluded=excluded)
    if plan.batch.name == K_CENTER:
        return k_center(comm, own.features, plan.k, excluded=excluded, threads=own.threads)
    if plan.batch.name == BATCH_BALD:
        return _jointly(comm, plan, own)
    return diverse_top_k(
        comm,
        own.scores,
        own.features,
        plan.k,
        weight=parameters["weight"],
        minimise=plan.metric.minimise,
        excluded=excluded,
        threads=own.threads,
    )


def _jointly(comm: Communicator, plan: Plan, own: Scored) -> Selection:
    """Batch BALD on the most informative candidates, of which every rank gets all predictions."""
    shortlist = best_of(comm, own.part, own.scores, shortlist_size(plan.k))
    pieces = {number: rows[shortlist.indices].astype(plan.dtype) for number, rows in own.members.items()}
    everyone: dict[int, NDArray[Any]] = {}
    for there in comm.allgather(pieces):
        everyone |= there
    predictions = np.stack([everyone[number] for number in sorted(everyone)])
    samples = int(plan.batch.parameters["samples"])
    return choose_jointly(comm, predictions, shortlist, plan.k, samples, own.seed)


def _by_draws(comm: Communicator, plan: Plan, own: Scored) -> Selection:
    """Each choice follows a member of its own, drawn at random, and takes the best one that is left."""
    numbers = sorted(number for on_rank in plan.positions for number in on_rank)
    drawn = [numbers[place] for place in drawn_members(own.seed, plan.k, len(numbers))]
    lists = {
        number: _best_to_one(plan, rows, own.part.excluded)
        for number, rows in own.members.items()
        if number in drawn
    }
    everyone: dict[int, Selection] = {}
    for there in comm.allgather(lists):
        everyone |= there
    rest = {number: zip(best.indices, best.scores, strict=True) for number, best in everyone.items()}
    chosen: dict[int, float] = {}
    for number in drawn:
        index, score = next(pair for pair in rest[number] if pair[0] not in chosen)
        chosen[int(index)] = float(score)
    return Selection(np.array(list(chosen), np.int64), np.array(list(chosen.values())))


def _best_to_one(plan: Plan, rows: NDArray[Any], excluded: NDArray[np.int64]) -> Selection:
    """The best candidates of the pool by one member's predictions, a slice of them at a time."""
    found = []
    for first in range(0, len(rows), _SLICE):
        values = sampled_values(rows[first : first + _SLICE].reshape(1, -1), 0, plan.metric)
        found.append(best_here(Part(first, len(values), len(rows), excluded), values, plan.k))
    return merge(found, plan.k)
