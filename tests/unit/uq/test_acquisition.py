"""Acquisition scores against SciPy, and on the edges of their domain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from rose_mpi.errors import UsageError
from rose_mpi.uq.evaluate import CHUNK, evaluate
from rose_mpi.uq.registry import METRICS, metric_with
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.validation import PredictionError

SIGN = {False: -1.0, True: 1.0}
IMPROVING = ["expected_improvement", "probability_of_improvement"]


def expected(name, p, best=0.4, xi=0.1, kappa=1.5, maximise=False):
    mean, std = p.mean(axis=0), p.std(axis=0)
    gain = SIGN[maximise] * (mean - best) - xi
    return {
        "expected_improvement": gain * norm.cdf(gain / std) + std * norm.pdf(gain / std),
        "probability_of_improvement": norm.cdf(gain / std),
        "upper_confidence_bound": SIGN[maximise] * mean + kappa * std,
    }[name]


def score(name, predictions, seed=0, **parameters):
    predictions = np.ascontiguousarray(predictions)
    return evaluate(metric_with(name, parameters), UQScorer("regression"), predictions, seed=seed)


def given(name, **parameters):
    return {key: value for key, value in parameters.items() if key in METRICS[name].parameters}


def ensemble(members=9, candidates=4300, dtype=np.float64):
    return np.random.default_rng(0).normal(0.5, 0.7, (members, candidates)).astype(dtype)


@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*IMPROVING, "upper_confidence_bound"])
def test_equals_the_formula(name, dtype, maximise):
    predictions = ensemble(dtype=dtype)
    parameters = given(name, best=0.4, xi=0.1, kappa=1.5, maximise=maximise)
    np.testing.assert_allclose(
        score(name, predictions, **parameters),
        expected(name, predictions.astype(np.float64), maximise=maximise),
        rtol=1e-10,
        atol=1e-13,
    )


def test_expected_improvement_is_the_mean_of_the_improvement():
    """The integral that the formula solves, without the formula."""
    predictions = ensemble(5, 6)
    means, stds = predictions.mean(axis=0), predictions.std(axis=0)
    integrals = [
        quad(lambda y, m=m, s=s: (0.3 - y) * norm.pdf(y, m, s), m - 12 * s, 0.3)[0]
        for m, s in zip(means, stds, strict=True)
    ]
    np.testing.assert_allclose(score("expected_improvement", predictions, best=0.3), integrals, rtol=1e-7)


@pytest.mark.parametrize("name", [*IMPROVING, "upper_confidence_bound"])
def test_bits_depend_on_the_candidate_alone(name):
    metric = metric_with(name, given(name, best=0.2))
    predictions = ensemble(dtype=np.float32)
    everything = evaluate(metric, UQScorer("regression"), predictions, threads=3)
    part = np.ascontiguousarray(predictions[:, 3 * CHUNK : 4 * CHUNK + 17])
    assert np.array_equal(score(name, part, **given(name, best=0.2)), everything[3 * CHUNK : 4 * CHUNK + 17])


@pytest.mark.parametrize("name", [*IMPROVING, "upper_confidence_bound"])
def test_to_maximise_is_to_minimise_with_the_sign_changed(name):
    predictions = ensemble()
    upwards = score(name, predictions, **given(name, best=0.2, xi=0.05, maximise=True))
    downwards = score(name, -predictions, **given(name, best=-0.2, xi=0.05))
    assert np.array_equal(upwards, downwards)


def test_members_in_full_agreement():
    predictions = np.tile([0.0, 1.0, 2.0], (4, 1))
    assert score("expected_improvement", predictions, best=1.0).tolist() == [1.0, 0.0, 0.0]
    assert score("probability_of_improvement", predictions, best=1.0).tolist() == [1.0, 0.0, 0.0]
    assert score("upper_confidence_bound", predictions).tolist() == [0.0, -1.0, -2.0]


def test_hopeless_candidates_have_no_improvement():
    predictions = 1e6 + ensemble(5, 20)
    assert (score("expected_improvement", predictions, best=0.0) == 0.0).all()


def test_thompson_follows_a_member_by_the_seed():
    predictions = ensemble(5, 300)
    rows = {score("thompson", predictions, seed=seed).tobytes() for seed in range(60)}
    assert rows == {(-row).tobytes() for row in predictions}
    assert score("thompson", predictions, seed=3, maximise=True).tobytes() in {
        row.tobytes() for row in predictions
    }


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("expected_improvement", {}, "needs the parameter 'best'"),
        ("expected_improvement", {"best": np.nan}, "needs the parameter 'best'"),
        ("expected_improvement", {"best": np.inf}, "best of metric 'expected_improvement' is inf"),
        ("expected_improvement", {"best": "low"}, "is 'low'; it must be a finite number"),
        ("upper_confidence_bound", {"kapa": 1.0}, "no parameter 'kapa'; did you mean 'kappa'"),
        ("upper_confidence_bound", {"maximise": 2}, "it must be true or false"),
        ("predictive_variance", {"best": 1.0}, "has no parameter 'best'"),
    ],
)
def test_mistakes_are_told(name, parameters, message):
    with pytest.raises(UsageError, match=message):
        UQScorer("regression").score(name, ensemble(3, 4), parameters=parameters)


def test_the_scorer_selects_by_expected_improvement():
    predictions = ensemble()
    indices, scores = UQScorer("regression").select_top_uncertain(
        predictions, 4, "expected_improvement", parameters={"best": 0.1}
    )
    wanted = expected("expected_improvement", predictions, best=0.1, xi=0.0)
    assert indices.tolist() == np.argsort(-wanted, kind="stable")[:4].tolist()
    assert np.all(np.diff(scores) <= 0)


def test_truth_may_be_told_in_numpy():
    predictions = ensemble(3, 20)
    upwards = score("upper_confidence_bound", predictions, maximise=np.bool_(True))
    assert np.array_equal(upwards, score("upper_confidence_bound", predictions, maximise=True))


def test_acquisition_is_no_uncertainty():
    names = UQScorer("regression").compute_uncertainty(ensemble(3, 4)).keys()
    assert names == {"predictive_variance", "predictive_std", "predictive_interval_width", "random"}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [*IMPROVING, "upper_confidence_bound", "thompson"])
def test_predictions_that_are_not_finite_are_told(name, value):
    predictions = ensemble(5, 20)
    predictions[3, 11] = value
    with pytest.raises(PredictionError, match=f"prediction 3, candidate 11: the value is {value}"):
        UQScorer("regression").score(name, predictions, parameters=given(name, best=0.0))
    if name != "thompson":
        with pytest.raises(PredictionError):
            evaluate(metric_with(name, given(name, best=0.0)), UQScorer("regression"), predictions)
