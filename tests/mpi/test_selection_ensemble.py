"""Batches and acquisition as options of the collective scoring, at any number of ranks."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

import rose_mpi.uq.choosing as choosing_module
from rose_mpi.errors import ScoreError
from rose_mpi.uq import (
    UQ_REGISTRY,
    UQScorer,
    batch_bald,
    diverse_top_k,
    k_center,
    power_sample,
    register_uq,
    score_ensemble,
)
from rose_mpi.uq.thompson import drawn_members

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

COMM, ALONE = MPI.COMM_WORLD, MPI.COMM_SELF
MEMBERS, CANDIDATES, CLASSES = 6, 1300, 4
EXCLUDED = [0, 3, 300, 1299]
RNG = np.random.default_rng(21)
VALUES = RNG.normal(size=(MEMBERS, CANDIDATES)).astype(np.float32)
PROBABILITIES = RNG.dirichlet(np.full(CLASSES, 0.4), (MEMBERS, CANDIDATES))
FEATURES = RNG.normal(size=(CANDIDATES, 5))

CASES = {
    "expected_improvement": (VALUES, {"parameters": {"best": -1.0, "xi": 0.1}}),
    "probability_of_improvement": (VALUES, {"parameters": {"best": 1.0, "maximise": True}}),
    "upper_confidence_bound": (VALUES, {"parameters": {"kappa": 0.5}}),
    "thompson": (VALUES, {"seed": 5}),
    "predictive_variance": (VALUES, {"batch": "power", "parameters": {"beta": 2.0}}),
    "random": (VALUES, {"batch": "power"}),
    "margin": (PROBABILITIES, {"batch": "diverse", "features": FEATURES}),
    "predictive_entropy": (PROBABILITIES, {"batch": "k_center", "features": FEATURES}),
    "mutual_information": (PROBABILITIES, {"batch": "batch_bald", "parameters": {"samples": 60}}),
}


def scored(comm, metric, **more):
    predictions, options = CASES[metric]
    positions = [member for member in reversed(range(MEMBERS)) if member % comm.size == comm.rank]
    arrays = [predictions[member] for member in positions]
    return score_ensemble(
        comm, arrays, metric, 12, positions=positions, **{"excluded": EXCLUDED, **options, **more}
    )


def alone(metric):
    """The metric's scores of the whole pool."""
    predictions, options = CASES[metric]
    task_type = "classification" if predictions is PROBABILITIES else "regression"
    own = {
        name: value
        for name, value in options.get("parameters", {}).items()
        if name not in ("beta", "samples")
    }
    return UQScorer(task_type).score(metric, predictions, seed=options.get("seed", 0), parameters=own)


@pytest.mark.parametrize("metric", CASES)
def test_bits_are_those_of_one_rank(metric):
    expected, found = scored(ALONE, metric), scored(COMM, metric)
    assert found.indices.tobytes() == expected.indices.tobytes()
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert np.array([found.uncertainty, found.pool_uncertainty]).tobytes() == (
        np.array([expected.uncertainty, expected.pool_uncertainty]).tobytes()
    )
    assert len(set(found.indices.tolist())) == 12
    assert not set(found.indices.tolist()) & set(EXCLUDED)


@pytest.mark.parametrize("metric", [metric for metric in CASES if metric != "thompson"])
def test_scores_are_those_of_the_metric(metric):
    found = scored(COMM, metric)
    assert np.array_equal(found.scores, alone(metric)[found.indices])


@pytest.mark.parametrize(
    ("metric", "choose"),
    [
        ("predictive_variance", lambda s: power_sample(ALONE, s, 12, beta=2.0, seed=1, excluded=EXCLUDED)),
        ("margin", lambda s: diverse_top_k(ALONE, s, FEATURES, 12, minimise=True, excluded=EXCLUDED)),
        ("predictive_entropy", lambda s: k_center(ALONE, FEATURES, 12, excluded=EXCLUDED)),
        (
            "mutual_information",
            lambda s: batch_bald(ALONE, PROBABILITIES, 12, samples=60, excluded=EXCLUDED),
        ),
    ],
)
def test_batches_are_those_of_the_functions(metric, choose):
    assert scored(COMM, metric).indices.tolist() == choose(alone(metric)).indices.tolist()


def test_every_choice_of_thompson_follows_a_draw_of_its_own():
    found = scored(COMM, "thompson")
    values = VALUES.astype(float).copy()
    values[:, EXCLUDED] = np.inf
    for member, index, score in zip(drawn_members(5, 12, MEMBERS), found.indices, found.scores, strict=True):
        assert index == values[member].argmin()
        assert score == -values[member].min()
        values[:, index] = np.inf


@pytest.mark.parametrize("length", [1, 100, 1299])
def test_draws_follow_the_whole_pool_whatever_is_looked_at_at_a_time(monkeypatch, length):
    expected = scored(COMM, "thompson")
    monkeypatch.setattr(choosing_module, "_SLICE", length)
    found = scored(COMM, "thompson")
    assert found.indices.tobytes() == expected.indices.tobytes()
    assert found.scores.tobytes() == expected.scores.tobytes()


def test_members_of_one_mind_are_not_given_one_candidate_twice():
    mine = [VALUES[0] for member in range(MEMBERS) if member % COMM.size == COMM.rank]
    found = score_ensemble(COMM, mine, "thompson", 12, seed=5)
    assert found.indices.tolist() == np.argsort(VALUES[0], kind="stable")[:12].tolist()


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("expected_improvement", {"parameters": {}}, "needs the parameter 'best'"),
        ("random", {"batch": "poer"}, "no batch is called 'poer'; did you mean 'power'"),
        ("random", {"parameters": {"bta": 1}}, "'random' with batch 'power' has no parameter 'bta'"),
        ("random", {"batch": "batch_bald"}, "goes with metric 'mutual_information', not 'random'"),
        ("margin", {"batch": "power"}, "the best margin is small"),
        ("margin", {"features": None}, "needs features .*; there are none"),
        ("margin", {"features": FEATURES[1:]}, r"needs features .*; their shape is \(1299, 5\)"),
        ("margin", {"features": FEATURES * np.nan}, "must be finite"),
        ("upper_confidence_bound", {"batch": "power"}, "needs scores from 0 on"),
    ],
)
def test_mistakes_are_told_on_all_ranks(metric, options, message):
    with pytest.raises(ScoreError, match=message):
        scored(COMM, metric, **options)


@pytest.mark.parametrize("metric", CASES)
def test_nothing_is_left(metric):
    found = scored(COMM, metric, excluded=range(CANDIDATES))
    assert (len(found.indices), len(found.scores)) == (0, 0)


@pytest.mark.parametrize("metric", CASES)
def test_a_pool_without_candidates(metric):
    predictions, options = CASES[metric]
    mine = [member for member in range(MEMBERS) if member % COMM.size == COMM.rank]
    if "features" in options:
        options = {**options, "features": FEATURES[:0]}
    empty = [predictions[member][:0] for member in mine]
    found = score_ensemble(COMM, empty, metric, 3, positions=mine, **options)
    assert (len(found.indices), found.candidates) == (0, 0)


@pytest.mark.parametrize("metric", CASES)
def test_more_is_asked_than_there_is(metric):
    predictions, options = CASES[metric]
    few = {**options, "features": FEATURES[:7]} if "features" in options else options
    mine = [member for member in range(MEMBERS) if member % COMM.size == COMM.rank]
    rows = [predictions[member][:7] for member in mine]
    found = score_ensemble(COMM, rows, metric, 12, positions=mine, **few)
    assert sorted(found.indices) == list(range(7))


@pytest.mark.parametrize(
    ("metric", "predictions", "names"),
    [
        ("margin", PROBABILITIES, {"calibration_error"}),
        ("negative_log_likelihood", VALUES, {"coverage_50", "coverage_90", "mean_crps"}),
        ("random", VALUES, {"coverage_50", "coverage_90", "mean_crps"}),
    ],
)
def test_calibration_is_that_of_one_rank(metric, predictions, names):
    targets = np.random.default_rng(1).integers(CLASSES, size=CANDIDATES)

    def calibration(comm):
        own = [rows for member, rows in enumerate(predictions) if member % comm.size == comm.rank]
        positions = [member for member in range(MEMBERS) if member % comm.size == comm.rank]
        scores = score_ensemble(
            comm, own, metric, 3, positions=positions, targets=targets, excluded=EXCLUDED, block=256
        )
        return scores.calibration

    found = calibration(COMM)
    assert found.keys() == names
    assert found == calibration(ALONE)
    assert all(0 < value < 2 for value in found.values())


@pytest.fixture
def ranks_that_called():
    """A metric that compares candidates: how far each is from the mean of all."""
    called = []

    @register_uq("unusual", task_types=("regression",), whole_pool=True)
    def unusual(scorer, predictions):
        if predictions.shape[1]:
            called.append(predictions.shape)
        means = predictions.mean(axis=0)
        return abs(means - means.mean())

    yield called
    del UQ_REGISTRY["unusual"]


def test_a_metric_of_the_whole_pool_is_called_once(ranks_that_called):
    means = VALUES.mean(axis=0)
    expected = abs(means - means.mean())
    mine = [member for member in range(MEMBERS) if member % COMM.size == COMM.rank]
    found = score_ensemble(
        COMM, [VALUES[m] for m in mine], "unusual", 9, positions=mine, excluded=EXCLUDED, block=256
    )
    left = np.setdiff1d(np.arange(CANDIDATES), EXCLUDED)
    assert found.indices.tolist() == left[np.argsort(-expected[left], kind="stable")[:9]].tolist()
    assert np.array_equal(found.scores, expected[found.indices])
    np.testing.assert_allclose(found.pool_uncertainty, expected[left].mean(), rtol=1e-6)
    calls = COMM.allgather(ranks_that_called)
    assert calls == [[VALUES.shape], *[[]] * (COMM.size - 1)]


def test_a_metric_of_the_whole_pool_that_fails_fails_on_all_ranks():
    @register_uq("broken", task_types=("regression",), whole_pool=True)
    def broken(scorer, predictions):
        raise ZeroDivisionError("by zero")

    try:
        with pytest.raises(ScoreError, match="rank 0: ZeroDivisionError: by zero"):
            score_ensemble(COMM, [VALUES[0]], "broken", 3)
    finally:
        del UQ_REGISTRY["broken"]
