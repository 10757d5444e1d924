"""The registry and the scorer as a user's script sees them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.uq import UQ_REGISTRY, UQScorer, register_uq
from rose_mpi.uq.registry import METRICS
from rose_mpi.uq.validation import PredictionError


@pytest.fixture(autouse=True)
def own_metrics_are_forgotten():
    yield
    for name in set(UQ_REGISTRY) - set(METRICS):
        del UQ_REGISTRY[name]


@pytest.fixture
def probabilities():
    return np.random.default_rng(3).dirichlet(np.ones(4), (5, 30))


def test_own_metric_as_in_the_documentation(probabilities):
    @register_uq("custom_uq")
    def confidence_score(self, mc_preds):
        mc_preds, _ = self._validate_inputs(mc_preds)
        mean_probs = np.mean(mc_preds, axis=0)
        max_prob = np.max(mean_probs, axis=1)
        return 1.0 - max_prob

    scorer = UQScorer(task_type="classification")
    assert list(UQ_REGISTRY.keys()) == [*METRICS, "custom_uq"]
    indices, scores = scorer.select_top_uncertain(probabilities, k=3, metric="custom_uq")
    expected = 1 - probabilities.mean(axis=0).max(axis=1)
    assert indices.tolist() == np.argsort(-expected, kind="stable")[:3].tolist()
    assert np.array_equal(scores, expected[indices])


def test_margin_selects_the_smallest(probabilities):
    scorer = UQScorer("classification")
    indices, scores = scorer.select_top_uncertain(probabilities, k=4, metric="margin")
    everything = scorer.score("margin", probabilities)
    assert np.array_equal(scores, np.sort(everything)[:4])
    assert np.array_equal(everything[indices], scores)


@pytest.mark.parametrize(
    ("task_type", "metric"), [("classification", "predictive_entropy"), ("regression", "predictive_variance")]
)
def test_default_metric(task_type, metric, probabilities):
    predictions = probabilities if task_type == "classification" else probabilities[:, :, 0]
    scorer = UQScorer(task_type)
    by_default, _ = scorer.select_top_uncertain(predictions, k=5)
    by_name, _ = scorer.select_top_uncertain(predictions, k=5, metric=metric)
    assert by_default.tolist() == by_name.tolist()


def test_compute_uncertainty_gives_every_metric_that_fits(probabilities):
    scorer = UQScorer("classification")
    names = {"predictive_entropy", "mutual_information", "variation_ratio", "margin", "random"}
    names |= {"least_confidence", "vote_entropy", "average_kl"}
    assert scorer.compute_uncertainty(probabilities).keys() == names
    with_targets = scorer.compute_uncertainty(probabilities, np.zeros(30, int))
    assert with_targets.keys() == names | {"negative_log_likelihood"}


def test_lists_and_extra_axes_are_taken():
    scorer = UQScorer("regression")
    assert scorer.score("predictive_variance", [[1, 2], [3, 2]]).tolist() == [1.0, 0.0]
    assert scorer.score("predictive_variance", np.ones((3, 4, 1))).tolist() == [0.0] * 4
    assert scorer.score("predictive_variance", np.ones((3, 0))).tolist() == []


@pytest.mark.parametrize(
    ("shape", "candidates"),
    [((1, 4, 1), 4), ((4, 1, 1), 1), ((1, 1, 1), 1), ((1, 3, 4, 1), 4), ((3, 1, 4), 4)],
)
def test_columns_of_one_member_or_of_one_candidate_are_taken(shape, candidates):
    scores = UQScorer("regression").score("predictive_variance", np.ones(shape))
    assert scores.tolist() == [0.0] * candidates


@pytest.mark.parametrize(("k", "chosen"), [(0.1, 3), (0.11, 4), (29, 29), (31, 30), (np.int32(2), 2)])
def test_how_many_are_chosen(k, chosen, probabilities):
    indices, scores = UQScorer("classification").select_top_uncertain(probabilities, k)
    assert len(set(indices.tolist())) == len(scores) == chosen


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, p: s.score("predictive_entopy", p), "did you mean 'predictive_entropy'"),
        (lambda s, p: s.score("predictive_variance", p), "is for regression, not classification"),
        (lambda s, p: s.score("negative_log_likelihood", p), "needs y_true"),
        (lambda s, p: s.score("margin", p[0]), r"must be \[members, candidates, classes\]; .* \(30, 4\)"),
        (lambda s, p: s.score("margin", p[:0]), "no members"),
        (lambda s, p: s.score("negative_log_likelihood", p, np.full(30, 4)), "classes are 0 to 3"),
        (lambda s, p: s.score("negative_log_likelihood", p, np.zeros(29)), r"30 candidates need \(30,\)"),
        (lambda s, p: s.select_top_uncertain(p, -1), "query_size is -1"),
        (lambda s, p: s.select_top_uncertain(p, 2.5), "query_size is 2.5"),
        (lambda s, p: UQScorer("clustering"), "'classification' or 'regression'"),
    ],
)
def test_mistakes_are_told(call, message, probabilities):
    with pytest.raises(UsageError, match=message):
        call(UQScorer("classification"), probabilities)


def test_own_metric_must_give_one_number_per_candidate(probabilities):
    register_uq("flat")(lambda self, predictions: predictions.mean())
    with pytest.raises(ScoreError, match=r"'flat' returned shape \(\) for 30 candidates"):
        UQScorer("classification").score("flat", probabilities)


def test_a_score_that_is_nan_is_told(probabilities):
    register_uq("nan")(lambda self, predictions: np.where(np.arange(30) < 17, 0.5, np.nan))
    with pytest.raises(ScoreError, match="'nan' gives candidate 17 the score NaN"):
        UQScorer("classification").score("nan", probabilities)


def test_unusable_predictions_are_told(probabilities):
    probabilities[2, 17, 1] = np.nan
    with pytest.raises(PredictionError, match="prediction 2, candidate 17: the value for class 1 is nan"):
        UQScorer("classification").score("predictive_entropy", probabilities)
    with pytest.raises(ScoreError, match="type <U1"):
        UQScorer("regression").score("predictive_variance", [["a"], ["b"]])


def test_built_in_names_are_taken():
    with pytest.raises(UsageError, match="'margin' is built in"):
        register_uq("margin")
    with pytest.raises(UsageError, match="task_types"):
        register_uq("mine", task_types=("clustering",))


def test_own_metric_may_be_registered_again(probabilities):
    register_uq("mine")(lambda self, predictions: predictions[0, :, 0])
    register_uq("mine")(lambda self, predictions: predictions[1, :, 0])
    assert np.array_equal(UQScorer("classification").score("mine", probabilities), probabilities[1, :, 0])


def test_random_scores_follow_from_seed_and_index(probabilities):
    scorer = UQScorer("classification")
    scores = scorer.score("random", probabilities, seed=5)
    assert np.array_equal(scores, scorer.score("random", probabilities[:2], seed=5))
    assert np.array_equal(scores[:9], scorer.score("random", probabilities[:, :9], seed=5))
    assert not np.array_equal(scores, scorer.score("random", probabilities, seed=6))


def test_importing_the_room_loads_no_heavy_library():
    code = (
        "import sys, rose_mpi.uq, rose_mpi.uq.registry; rose_mpi.uq.UQScorer('regression');"
        "print([name for name in ('numba', 'mpi4py', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
