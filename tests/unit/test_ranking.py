"""Which learner did best."""

import math

import pytest

from rose_mpi.ranking import Standing, ranked


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
