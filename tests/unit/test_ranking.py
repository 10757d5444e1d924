"""Which learner did best."""

import math

import pytest

from rose_mpi.ranking import Standing, ranked, ranked_by_metric


def standing(learner, met=True, iterations=3, queried=60, metric=0.9, operator=">=", name="accuracy"):
    return Standing(learner, met, iterations, queried, name, metric, operator, 0.9)


def order(*standings):
    return [row.learner for row in ranked(standings)]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"met": False, "metric": 0.99, "queried": 1}, {}),
        ({"queried": 61}, {"metric": 0.1}),
        ({"iterations": 4}, {"metric": 0.1}),
        ({"metric": 0.91}, {"metric": 0.92}),
        ({"metric": 0.92, "operator": "<"}, {"metric": 0.91, "operator": "<"}),
        ({"metric": 0.7, "operator": "="}, {"metric": 1.0, "operator": "="}),
        ({"metric": math.nan}, {"metric": 0.0}),
        ({"met": False, "metric": 0.5, "queried": 10}, {"met": False, "metric": 0.6, "queried": 90}),
        ({"queried": 0, "iterations": 4}, {"queried": 50}),
        ({"name": "loss", "iterations": 4, "metric": 9}, {"metric": 0.1}),
    ],
)
def test_order(worse, better):
    assert order(standing("worse", **worse), standing("better", **better)) == ["better", "worse"]


def test_equals_stay_in_their_order():
    assert order(standing("a"), standing("b")) == ["a", "b"]


def test_metrics_of_different_meaning_are_not_compared():
    assert order(standing("a", metric=0.1), standing("b", name="loss", metric=0.9)) == ["a", "b"]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"metric": 0.91}, {"metric": 0.92, "met": False, "iterations": 9, "queried": 90}),
        ({"metric": 0.3, "operator": "<"}, {"metric": 0.2, "operator": "<", "iterations": 9}),
        ({"metric": 0.7, "operator": "="}, {"metric": 1.0, "operator": "="}),
        ({"metric": 0.7, "operator": "=="}, {"metric": 0.8, "operator": "=="}),
        ({"metric": math.nan, "iterations": 1}, {"metric": 0.0}),
        ({"metric": math.nan, "operator": "<"}, {"metric": 1e300, "operator": "<"}),
        ({"iterations": 4, "queried": 10}, {}),
        ({"queried": 61}, {}),
        ({"metric": math.nan, "iterations": 4}, {"metric": math.nan}),
    ],
)
def test_order_by_metric(worse, better):
    rows = [standing("worse", **worse), standing("better", **better)]
    assert [row.learner for row in ranked_by_metric(rows)] == ["better", "worse"]


def test_queries_decide_only_where_all_learners_count_them():
    rows = [standing("a", queried=61), standing("b", queried=0), standing("c", queried=60)]
    assert [row.learner for row in ranked_by_metric(rows)] == ["a", "b", "c"]
