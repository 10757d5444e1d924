"""Exact top-k: against a plain sort, whatever the scores."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rose_mpi.errors import UsageError
from rose_mpi.uq.selection import merge, query_count, top_k

FEW_VALUES = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 0.25, 3.0, np.inf])
SCORES = arrays(np.float64, st.integers(0, 60), elements=FEW_VALUES | st.floats(allow_nan=False))


def sorted_best(scores, k, minimise):
    sign = 1 if minimise else -1
    return sorted(range(len(scores)), key=lambda i: (sign * scores[i], i))[:k]


@given(SCORES, st.integers(0, 80), st.booleans())
def test_top_k_is_a_stable_sort(scores, k, minimise):
    chosen = top_k(scores, k, minimise=minimise)
    assert chosen.indices.tolist() == sorted_best(scores, k, minimise)
    assert np.array_equal(chosen.scores, scores[chosen.indices])
    assert chosen.indices.dtype == np.int64


@pytest.mark.parametrize("minimise", [False, True])
@pytest.mark.parametrize("period", [1, 7, 13, 5000])
def test_top_k_of_many(period, minimise):
    """Scores that repeat, so that a regular sample sees only some of them, and many are equal."""
    scores = np.random.default_rng(5).normal(size=period)[np.arange(50_000) % period]
    for k in (1, 10, 1000, 6249, 6250, 49_999, 60_000):
        chosen = top_k(scores, k, minimise=minimise)
        assert chosen.indices.tolist() == sorted_best(scores, k, minimise)


def test_top_k_where_the_sample_misleads():
    """Every candidate of the sample is far better, or far worse, than the others."""
    scores = np.random.default_rng(6).random(50_000)
    scores[::13] += 10.0
    for minimise in (False, True):
        chosen = top_k(scores, 5000, minimise=minimise)
        assert chosen.indices.tolist() == sorted_best(scores, 5000, minimise)


@given(SCORES, st.integers(0, 80), st.booleans(), st.lists(st.integers(0, 60), max_size=5))
def test_merge_of_parts_is_top_k_of_the_whole(scores, k, minimise, cuts):
    bounds = [0, *sorted(min(cut, len(scores)) for cut in cuts), len(scores)]
    parts = [top_k(scores[a:b], k, minimise=minimise, indices=np.arange(a, b)) for a, b in pairwise(bounds)]
    whole = top_k(scores, k, minimise=minimise)
    assert np.array_equal(merge(parts[::-1], k, minimise=minimise).indices, whole.indices)


@given(st.permutations(range(30)), st.integers(0, 30))
def test_ties_go_to_the_smaller_index_in_any_order(places, k):
    chosen = top_k(np.zeros(30), k, indices=np.array(places))
    assert chosen.indices.tolist() == list(range(k))


@pytest.mark.parametrize(
    ("query_size", "candidates", "excluded", "count"),
    [
        (20, 100, 0, 20),
        (20, 100, 85, 15),
        (np.int64(3), 5, 0, 3),
        (7, 0, 0, 0),
        (0.1, 30, 0, 3),
        (0.1, 31, 0, 4),
        (0.001, 10, 0, 1),
        (0.5, 10, 8, 2),
        (0.5, 0, 0, 0),
    ],
)
def test_query_count(query_size, candidates, excluded, count):
    assert query_count(query_size, candidates, excluded) == count


@pytest.mark.parametrize("query_size", [0, -1, 0.0, 1.0, 2.5, -0.5, float("nan"), True, "3", None])
def test_query_size_that_means_nothing(query_size):
    with pytest.raises(UsageError, match="query_size is"):
        query_count(query_size, 10)
