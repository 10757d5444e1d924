"""What ranks agree on before they exchange anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rose_mpi.errors import ScoreError
from rose_mpi.uq.evaluate import CHUNK
from rose_mpi.uq.partition import Partition
from rose_mpi.uq.plan import Question, as_indices, make_offer, make_plan
from rose_mpi.uq.registry import UQ_REGISTRY, register_uq
from rose_mpi.uq.validation import PredictionError, check_prediction

NOTHING = as_indices(None)


def offer(*shapes, dtype=np.float32, positions=None, **question):
    asked = {"metric": "margin", "k": 3, "task_type": None, "excluded": 0, "targets": False}
    asked |= {"seed": 0, "block": None} | question
    return make_offer([np.empty(shape, dtype) for shape in shapes], positions, Question(**asked))


@given(st.integers(0, 5000), st.integers(1, 9), st.integers(1, 4))
def test_shares_and_pieces_cover_the_pool_once(candidates, ranks, chunks):
    partition = Partition(candidates, ranks, chunks * CHUNK)
    pieces = [partition.piece(r, step) for r in range(ranks) for step in range(partition.rounds)]
    covered = [candidate for start, stop in pieces for candidate in range(start, stop)]
    assert covered == list(range(candidates))
    assert all(start % CHUNK == 0 for start, stop in pieces if stop > start)


def test_members_are_counted_by_rank():
    plan = make_plan([offer((9, 2)), offer(), offer((9, 2), (9, 2))], NOTHING)
    assert plan.positions == ((0,), (), (1, 2))
    assert (plan.shape, plan.dtype, plan.k) == ((9, 2), np.float32, 3)


def test_positions_are_kept_and_ranks_without_members_need_none():
    plan = make_plan(
        [offer((9, 2), (9, 2), positions=[2, 0]), offer(), offer((9, 2), positions=[1])], NOTHING
    )
    assert plan.positions == ((2, 0), (), (1,))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("f2", "f4"), "f4"),
        (("f4", "f8"), "f8"),
        (("i2", "f4"), "f4"),
        (("i4",), "f8"),
        (("?",), "f4"),
        ((">f4",), "f4"),
    ],
)
def test_predictions_are_scored_in_a_type_that_holds_them(dtypes, expected):
    assert make_plan([offer((9, 2), dtype=dtype) for dtype in dtypes], NOTHING).dtype == np.dtype(expected)


@pytest.mark.parametrize(
    ("metric", "shape", "task_type", "counts_as"),
    [
        ("predictive_variance", (9,), "regression", (9,)),
        ("predictive_variance", (9, 1), "regression", (9,)),
        ("random", (9, 2), "classification", (9, 2)),
        ("random", (9,), "regression", (9,)),
        ("random", (9, 1), "regression", (9,)),
        ("margin", (9, 1), "classification", (9, 1)),
    ],
)
def test_task_type_follows_from_metric_and_shape(metric, shape, task_type, counts_as):
    plan = make_plan([offer(shape, metric=metric)], NOTHING)
    assert (plan.task_type, plan.shape) == (task_type, counts_as)


@pytest.mark.parametrize(("k", "chosen"), [(7, 7), (0.02, 6), (0.021, 7), (0.999, 298), (1000, 298)])
def test_how_many_are_chosen(k, chosen):
    assert make_plan([offer((300, 2), k=k)], as_indices([0, 7])).k == chosen


def test_blocks_bound_the_memory_of_a_round():
    """What one rank sends to three others, and what it receives, in one round."""
    offers = [offer()] * 3 + [replaced_shapes(offer((1, 1)), [(10**7, 1000)] * 8)]
    assert 1 <= make_plan(offers, NOTHING).partition.block * 8 * 4 * 1000 * 4 <= 8 << 20
    enormous = [replaced_shapes(offer((1, 1)), [(10**7, 10**7)] * 8)]
    assert make_plan(enormous, NOTHING).partition.block == 1


def test_blocks_are_whole_chunks_where_they_can_be_and_for_a_users_metric():
    assert make_plan([offer((9, 2), block=700)], NOTHING).partition.block == 2 * CHUNK
    assert make_plan([offer((9, 2), block=7)], NOTHING).partition.block == 7
    register_uq("of_chunks")(lambda scorer, predictions: predictions[0, :, 0])
    try:
        assert make_plan([offer((9, 2), block=7, metric="of_chunks")], NOTHING).partition.block == CHUNK
    finally:
        del UQ_REGISTRY["of_chunks"]


@pytest.mark.parametrize("block", [None, 10**12])
@pytest.mark.parametrize(("members", "classes"), [(50, 2), (3, 10**6), (1, 10**8)])
def test_mpi_can_count_the_numbers_of_a_round(members, classes, block):
    """Pools of more than 2**31 numbers, and of more candidates, are exchanged in rounds of fewer."""
    shapes = [(3 * 10**9, classes)] * members
    plan = make_plan([replaced_shapes(offer((1, 1), block=block), shapes), offer(block=block)], NOTHING)
    assert plan.partition.block * members * 2 * classes < 2**31
    assert plan.partition.share(1)[1] == 3 * 10**9


def replaced_shapes(original, shapes):
    """An offer of arrays too large to make."""
    return replace(
        original,
        shapes=tuple(shapes),
        dtypes=original.dtypes * len(shapes),
        files=original.files * len(shapes),
    )


@pytest.mark.parametrize(
    ("offers", "message"),
    [
        (lambda: [offer(), offer()], "no predictions"),
        (lambda: [offer((9, 2)), offer((9, 2), k=4)], "k is not the same on ranks 0 and 1"),
        (lambda: [offer((9, 2)), offer((9, 2), metric="random")], "metric is not the same"),
        (lambda: [offer((9, 2), task_type="regression")], "is for classification, not regression"),
        (lambda: [offer((9, 2), task_type="x")], "task_type is 'x'"),
        (lambda: [offer((9, 2), metric="negative_log_likelihood")], "needs targets"),
        (lambda: [offer((9, 2), k=0)], "query_size is 0"),
        (lambda: [offer((9, 2), k=np.nan)], "query_size is nan"),
        (lambda: [offer((9, 2), k=np.arange(2))], "query_size is array"),
        (lambda: [offer((9, 2), seed=1.5)], "seed is 1.5; it must be a whole number"),
        (lambda: [offer((9, 2), block=0)], "block is 0"),
        (lambda: [offer((9, 2), metric="entropi")], "no metric is called 'entropi'"),
        (lambda: [offer((9, 2), positions=[0]), offer((9, 2))], "positions are given on some ranks"),
        (lambda: [offer((9, 2), positions=[])], "0 positions are given for 1 predictions"),
    ],
)
def test_arguments_that_do_not_fit(offers, message):
    with pytest.raises(ScoreError, match=message):
        make_plan(offers(), NOTHING)


@pytest.mark.parametrize(
    ("offers", "position", "message"),
    [
        (
            lambda: [offer((9, 2)), offer((8, 2))],
            1,
            r"shape is \(8, 2\), but that of prediction 0 is \(9, 2\)",
        ),
        (lambda: [offer((9,))], 0, r"must be \[candidates, classes\]"),
        (lambda: [offer((9, 0))], 0, r"must be \[candidates, classes\]"),
        (lambda: [offer((9, 2), metric="predictive_variance")], 0, r"must be \[candidates\]"),
        (lambda: [offer((), metric="predictive_variance")], 0, r"must be \[candidates\]"),
        (lambda: [offer((9, 2)), offer((9, 2), dtype="c8")], 1, "type is complex64"),
        (lambda: [offer((9, 2), positions=[4]), offer((9, 2), positions=[4])], 4, "two predictions"),
    ],
)
def test_predictions_that_do_not_fit_are_named(offers, position, message):
    with pytest.raises(PredictionError, match=message) as caught:
        make_plan(offers(), NOTHING)
    assert (caught.value.position, caught.value.candidate) == (position, None)


@pytest.mark.parametrize("excluded", [[-1], [9], [0, 100]])
def test_excluded_candidates_must_be_of_the_pool(excluded):
    with pytest.raises(ScoreError, match="outside 0 to 8"):
        make_plan([offer((9, 2))], as_indices(excluded))


def test_excluded_candidates_are_indices():
    assert as_indices([3, 1, 3]).tolist() == [1, 3]
    with pytest.raises(ScoreError, match="indices"):
        as_indices([0.5])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([np.nan, 1.0], "the value for class 0 is nan"),
        ([0.5, np.inf], "the value for class 1 is inf"),
        ([1.5, -0.5], "the probability for class 0 is 1.5"),
        ([-0.1, 1.1], "the probability for class 0 is -0.1"),
        ([0.2, 0.2], "sum to 0.4 instead of 1"),
    ],
)
def test_values_that_are_no_probabilities(row, reason):
    rows = np.full((300_000, 2), 0.5)
    rows[280_000] = row
    rows[290_000] = np.nan
    with pytest.raises(PredictionError, match=reason) as caught:
        check_prediction(rows, 3, "classification", np.dtype(np.float64))
    assert (caught.value.position, caught.value.candidate) == (3, 280_000)
    assert str(caught.value).startswith("prediction 3, candidate 280000: ")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    rows = np.zeros((10, 1), np.float32)
    rows[4] = value
    with pytest.raises(PredictionError, match=f"the value is {value}") as caught:
        check_prediction(rows, 0, "regression", np.dtype(np.float32))
    assert caught.value.candidate == 4


def test_probabilities_may_be_rounded():
    rows = np.random.default_rng(0).dirichlet(np.ones(10), 1000).astype(np.float16)
    check_prediction(rows, 0, "classification", np.dtype(np.float32))
