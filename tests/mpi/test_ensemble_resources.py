"""What the collective scoring takes of a rank: memory, threads, and time while MPI is at work."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

import rose_mpi.mpi.scoring as scoring_module
import rose_mpi.uq.ensemble as ensemble_module
import rose_mpi.uq.exchange as exchange_module
from rose_mpi.mpi.session import HELPING_SIZE
from rose_mpi.uq import UQ_REGISTRY, register_uq, score_ensemble
from rose_mpi.uq.evaluate import evaluate
from rose_mpi.uq.exchange import Exchange
from tests.mpi.campaigns import run_campaign, uq

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

COMM = MPI.COMM_WORLD
RANKS = range(0 if COMM.size <= HELPING_SIZE else 1, COMM.size)


def mine(members):
    """Those of the members that lie on this rank."""
    return [rows for member, rows in enumerate(members) if member % COMM.size == COMM.rank]


def resident(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def megabytes_taken(call):
    """The most memory that a call takes at a time beyond what this process had before."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def overlapping(candidates, members=32):
    """Members that are parts of the same few MB, of which some lie on this rank."""
    numbers = np.random.default_rng(0).random(candidates + members, np.float32)
    return mine([numbers[member : member + candidates] for member in range(members)])


@pytest.mark.parametrize(
    ("metric", "with_targets", "bytes_per_candidate"),
    [("predictive_variance", False, 28), ("thompson", False, 28), ("predictive_variance", True, 66)],
)
def test_a_rank_needs_memory_for_two_blocks_and_its_scores(metric, with_targets, bytes_per_candidate):
    """The 244 MB of predictions are parts of the same 8 MB; at 2 ranks a fourth of it travels to each."""
    candidates = 2_000_000
    arrays, targets = overlapping(candidates), np.zeros(candidates)

    def score(size):
        own = [rows[:size] for rows in arrays]
        score_ensemble(COMM, own, metric, 5, targets=targets[:size] if with_targets else None)

    score(1000)
    most = 20 + bytes_per_candidate * candidates / COMM.size / 2**20
    assert megabytes_taken(lambda: score(candidates)) < most


def test_a_metric_of_the_whole_pool_takes_memory_for_one_copy_of_it():
    candidates, members = 1_000_000, 32
    arrays = overlapping(candidates, members)

    @register_uq("first_of_all", task_types=("regression",), whole_pool=True)
    def first_of_all(scorer, predictions):
        return predictions[0]

    try:
        score_ensemble(COMM, [rows[:1000] for rows in arrays], "first_of_all", 5)
        taken = megabytes_taken(lambda: score_ensemble(COMM, arrays, "first_of_all", 5))
    finally:
        del UQ_REGISTRY["first_of_all"]
    assert taken < 20 + (members * 4 + 28) * candidates / 2**20


class Watched:
    """A communicator that counts the exchanges that have begun."""

    def __init__(self, comm, begun):
        self.rank, self.size = comm.rank, comm.size
        self._comm, self._begun = comm, begun

    def Ialltoallv(self, *buffers):
        self._begun.append(buffers)
        return self._comm.Ialltoallv(*buffers)


@pytest.fixture
def scored(monkeypatch):
    """Fills with the number of exchanges that have begun when a block is scored, and how long that is."""
    begun, blocks = [], []

    def watched(metric, scorer, predictions, *arguments, **options):
        blocks.append((len(begun), len(predictions[0])))
        return evaluate(metric, scorer, predictions, *arguments, **options)

    monkeypatch.setattr(
        ensemble_module, "Exchange", lambda comm, *others: Exchange(Watched(comm, begun), *others)
    )
    monkeypatch.setattr(ensemble_module, "evaluate", watched)
    return blocks


@pytest.mark.skipif(COMM.size < 2, reason="one rank exchanges nothing")
def test_the_next_block_is_under_way_while_one_is_scored(scored):
    members = np.full((2 * COMM.size, 256 * 4 * COMM.size, 2), 0.5)
    score_ensemble(COMM, mine(members), "margin", 3, block=256)
    assert scored == [(4, 256), (6, 256), (8, 256), (8, 256)]


@pytest.mark.skipif(COMM.size < 2, reason="one rank exchanges nothing")
def test_predictions_are_sent_from_where_they_lie(monkeypatch):
    begun = []
    monkeypatch.setattr(
        ensemble_module, "Exchange", lambda comm, *others: Exchange(Watched(comm, begun), *others)
    )
    own = np.full((2, 256 * 4 * COMM.size, 2), 0.5)
    score_ensemble(COMM, list(own), "margin", 3, block=256)
    assert begun
    assert all(np.shares_memory(outgoing[0], own) for outgoing, _ in begun)


@pytest.mark.parametrize("largest", [2**31 - 1, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_what_mpi_cannot_read_in_place_is_copied_with_the_same_result(monkeypatch, largest, dtype):
    monkeypatch.setattr(exchange_module, "LARGEST_COUNT", largest)
    numbers = np.random.default_rng(5).integers(0, 9, (5, 1700)).astype(dtype)
    expected = score_ensemble(MPI.COMM_SELF, list(numbers), "predictive_variance", 7)
    positions = range(COMM.rank, len(numbers), COMM.size)
    asked = {"positions": positions, "block": 256}
    scores = score_ensemble(COMM, mine(numbers), "predictive_variance", 7, **asked)
    assert scores.indices.tobytes() == expected.indices.tobytes()
    assert scores.scores.tobytes() == expected.scores.tobytes()


@pytest.mark.parametrize(("dtype", "blocks"), [(np.float64, [1024]), (np.int8, [256] * 4)])
def test_what_is_in_place_is_scored_at_once_and_what_must_be_copied_in_blocks(scored, dtype, blocks):
    score_ensemble(MPI.COMM_SELF, np.ones((3, 1024, 1), dtype), "margin", 3, block=256)
    assert scored == [(0, length) for length in blocks]


def test_ranks_that_share_cores_divide_them(tmp_path, monkeypatch):
    """Together they have no more threads than there are cores, or one each."""
    threads = []

    def watched(*arguments, **options):
        threads.append(options["threads"])
        return score_ensemble(*arguments, **options)

    monkeypatch.setattr(scoring_module, "score_ensemble", watched)
    run_campaign(tmp_path, [uq(max_iterations=1)])
    masks = COMM.allgather(frozenset(os.sched_getaffinity(0)))
    used = COMM.allgather(threads)
    assert any(used)
    for mask, own in zip(masks, used, strict=True):
        sharers = sum(masks[rank] == mask for rank in RANKS)
        assert own in ([], [max(1, len(mask) // sharers)])
