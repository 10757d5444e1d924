"""Every kernel against its textbook formula in float64, and on the edges of its domain."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
import scipy.special
import scipy.stats

from rose_mpi.errors import ScoreError
from rose_mpi.uq.evaluate import CHUNK, evaluate
from rose_mpi.uq.kernels.logarithm import natural_log, quotient
from rose_mpi.uq.registry import CLASSIFICATION, METRICS, RANDOM, REGRESSION
from rose_mpi.uq.scorer import UQScorer
from rose_mpi.uq.validation import PredictionError


def mode_share(predictions):
    votes = predictions.argmax(axis=2)
    return scipy.stats.mode(votes, axis=0).count / len(votes)


def two_best(predictions):
    return np.sort(predictions.mean(axis=0), axis=1)[:, :-3:-1]


def vote_shares(predictions):
    votes = predictions.argmax(axis=2)
    return np.array([np.bincount(v, minlength=predictions.shape[2]) for v in votes.T]) / len(votes)


def distances(predictions, targets):
    """Mean distances of the members to the target and to each other."""
    between = np.mean([np.abs(predictions - member).mean(axis=0) for member in predictions], axis=0)
    return np.abs(predictions - targets).mean(axis=0), between


REFERENCES = {
    ("predictive_entropy", CLASSIFICATION): lambda p, y: scipy.special.entr(p.mean(axis=0)).sum(axis=1),
    ("mutual_information", CLASSIFICATION): lambda p, y: (
        scipy.special.entr(p.mean(axis=0)).sum(axis=1) - scipy.special.entr(p).sum(axis=2).mean(axis=0)
    ),
    ("variation_ratio", CLASSIFICATION): lambda p, y: 1 - mode_share(p),
    ("least_confidence", CLASSIFICATION): lambda p, y: 1 - p.mean(axis=0).max(axis=1),
    ("vote_entropy", CLASSIFICATION): lambda p, y: scipy.stats.entropy(vote_shares(p), axis=1),
    ("average_kl", CLASSIFICATION): lambda p, y: (
        scipy.special.rel_entr(p, p.mean(axis=0)).sum(axis=2).mean(axis=0)
    ),
    ("margin", CLASSIFICATION): lambda p, y: two_best(p)[:, 0] - two_best(p)[:, 1],
    ("negative_log_likelihood", CLASSIFICATION): lambda p, y: -np.log(p.mean(axis=0)[np.arange(len(y)), y]),
    ("predictive_variance", REGRESSION): lambda p, y: p.var(axis=0),
    ("predictive_std", REGRESSION): lambda p, y: scipy.stats.tstd(p, axis=0, ddof=0),
    ("crps", REGRESSION): lambda p, y: distances(p, y)[0] - distances(p, y)[1] / 2,
    ("predictive_interval_width", REGRESSION): lambda p, y: np.diff(
        np.percentile(p, [2.5, 97.5], axis=0), axis=0
    )[0],
    ("negative_log_likelihood", REGRESSION): lambda p, y: (
        -scipy.stats.norm.logpdf(y, p.mean(axis=0), p.std(axis=0))
    ),
}


def score(name, task_type, predictions, targets=None, **options):
    predictions = np.ascontiguousarray(predictions)
    return evaluate(METRICS[name], UQScorer(task_type), predictions, targets, **options)


def ensemble(task_type, dtype, members=7, candidates=4300, classes=5, seed=0):
    """Random predictions of a type, with targets, for several tiles of every kernel."""
    rng = np.random.default_rng(seed)
    if task_type == CLASSIFICATION:
        predictions = rng.dirichlet(np.full(classes, 0.3), (members, candidates)).astype(dtype)
        return predictions, rng.integers(classes, size=candidates)
    return rng.normal(3.0, 2.0, (members, candidates)).astype(dtype), rng.normal(size=candidates)


@pytest.mark.parametrize("members", [2, 7, 64, 82, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_equals_the_formula(name, task_type, dtype, members):
    predictions, targets = ensemble(task_type, dtype, members)
    expected = REFERENCES[name, task_type](predictions.astype(np.float64), targets)
    np.testing.assert_allclose(score(name, task_type, predictions, targets), expected, rtol=1e-12, atol=1e-13)


def test_every_built_in_metric_has_a_reference():
    """Those with parameters have them in test_acquisition."""
    plain = [m for m in METRICS.values() if m.name != RANDOM and not m.parameters]
    pairs = {(m.name, t) for m in plain for t in m.task_types}
    assert pairs == set(REFERENCES)


@pytest.mark.parametrize("classes", [1, 2, 5000])
@pytest.mark.parametrize(
    "name", [name for name, task_type in REFERENCES if task_type == CLASSIFICATION and name[:3] != "neg"]
)
def test_any_number_of_classes(name, classes):
    predictions, targets = ensemble(CLASSIFICATION, np.float64, 3, 40, classes)
    if classes == 1:
        expected = np.ones(40) if name == "margin" else np.zeros(40)
    else:
        expected = REFERENCES[name, CLASSIFICATION](predictions, targets)
    np.testing.assert_allclose(score(name, CLASSIFICATION, predictions), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_bits_depend_on_the_candidate_alone(name, task_type):
    """Neither on the other candidates, nor on where work is divided between threads."""
    predictions, targets = ensemble(task_type, np.float32)
    everything = score(name, task_type, predictions, targets)
    assert np.array_equal(score(name, task_type, predictions, targets, threads=3), everything)
    part = slice(3 * CHUNK, 4 * CHUNK + 17)
    assert np.array_equal(score(name, task_type, predictions[:, part], targets[part]), everything[part])


@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_empty_pool(name, task_type):
    predictions, targets = ensemble(task_type, np.float64, candidates=0)
    assert score(name, task_type, predictions, targets, threads=2).shape == (0,)


CERTAIN_AND_SPLIT = np.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("predictive_entropy", [0.0, np.log(2)]),
        ("mutual_information", [0.0, np.log(2)]),
        ("variation_ratio", [0.0, 0.5]),
        ("margin", [1.0, 0.0]),
        ("least_confidence", [0.0, 0.5]),
        ("vote_entropy", [0.0, np.log(2)]),
        ("average_kl", [0.0, np.log(2)]),
    ],
)
def test_probabilities_of_exactly_zero_and_one(name, expected):
    np.testing.assert_allclose(score(name, CLASSIFICATION, CERTAIN_AND_SPLIT), expected, rtol=1e-15)


def test_likelihood_of_an_impossible_class_is_finite():
    scores = score("negative_log_likelihood", CLASSIFICATION, CERTAIN_AND_SPLIT, np.array([1, 1]))
    np.testing.assert_allclose(scores, [52 * np.log(2), np.log(2)], rtol=1e-15)


def test_one_member_alone_is_certain():
    predictions, targets = ensemble(REGRESSION, np.float64, members=1, candidates=1)
    assert score("predictive_variance", REGRESSION, predictions) == [0.0]
    assert score("predictive_interval_width", REGRESSION, predictions) == [0.0]
    assert score("predictive_std", REGRESSION, predictions) == [0.0]
    assert score("crps", REGRESSION, predictions, targets) == abs(predictions[0, 0] - targets[0])
    assert np.isfinite(score("negative_log_likelihood", REGRESSION, predictions, targets)).all()
    predictions, _ = ensemble(CLASSIFICATION, np.float64, members=1, candidates=1)
    assert score("mutual_information", CLASSIFICATION, predictions) == [0.0]
    assert score("vote_entropy", CLASSIFICATION, predictions) == [0.0]
    assert score("variation_ratio", CLASSIFICATION, predictions) == [0.0]


@pytest.mark.parametrize("members", [1, 3, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_in_full_agreement_tell_what_each_of_them_tells(dtype, members):
    one, _ = ensemble(CLASSIFICATION, dtype, members=1)
    predictions = np.repeat(one, members, axis=0)
    for name in ("variation_ratio", "vote_entropy"):
        assert (score(name, CLASSIFICATION, predictions) == 0.0).all()
    for name in ("mutual_information", "average_kl"):
        np.testing.assert_allclose(score(name, CLASSIFICATION, predictions), 0.0, atol=1e-15)
    for name in ("predictive_entropy", "margin", "least_confidence"):
        expected = REFERENCES[name, CLASSIFICATION](one.astype(np.float64), None)
        np.testing.assert_allclose(score(name, CLASSIFICATION, predictions), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_in_full_agreement_have_no_variance(dtype):
    predictions = np.full((9, 3), 0.1, dtype)
    assert (score("predictive_variance", REGRESSION, predictions) == 0.0).all()
    assert (score("predictive_interval_width", REGRESSION, predictions) == 0.0).all()
    np.testing.assert_allclose(
        score("crps", REGRESSION, predictions, np.full(3, 1.1)), 1.1 - float(dtype(0.1)), rtol=1e-15
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_predictions_that_are_not_finite_are_told(name, task_type, value):
    predictions, targets = ensemble(task_type, np.float32, candidates=20)
    predictions[3, 11] = value
    with pytest.raises(PredictionError, match=f"prediction 3, candidate 11: the value.* is {value}"):
        UQScorer(task_type).score(name, predictions, targets)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("member", [0, 3, 8])
@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_formulas_themselves_notice_a_value_that_is_not_finite(name, task_type, member, value):
    """In the first member, in one of several that are read at a time, and in one that is read alone."""
    predictions, targets = ensemble(task_type, np.float32, members=9, candidates=600)
    predictions[member, 511] = value
    with pytest.raises(PredictionError, match=f"prediction {member}, candidate 1511: the value.* is {value}"):
        score(name, task_type, predictions, targets, first=1000)


@pytest.mark.parametrize("member", [0, 8])
@pytest.mark.parametrize("row", [[0.7, 0.32, 0.0, 0.0, 0.0], [-0.1, 1.1, 0.0, 0.0, 0.0], [0.0] * 5])
@pytest.mark.parametrize("name", [name for name, task_type in REFERENCES if task_type == CLASSIFICATION])
def test_formulas_themselves_notice_what_is_no_probability(name, row, member):
    predictions, targets = ensemble(CLASSIFICATION, np.float32, members=9, candidates=600)
    predictions[member, 511] = row
    with pytest.raises(PredictionError, match=f"prediction {member}, candidate 511: the probabilit"):
        score(name, CLASSIFICATION, predictions, targets)


def test_rounded_probabilities_are_looked_at_closely_and_pass():
    """Sums that are off by 0.0049 each: together they are beyond doubt's bound, alone they may be."""
    predictions, _ = ensemble(CLASSIFICATION, np.float64, members=9)
    scores = score("predictive_entropy", CLASSIFICATION, predictions * 0.9951)
    expected = scipy.special.entr((predictions * 0.9951).mean(axis=0)).sum(axis=1)
    np.testing.assert_allclose(scores, np.maximum(expected, 0.0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "task_type"), REFERENCES)
def test_members_may_lie_anywhere_in_memory(name, task_type, dtype):
    predictions, targets = ensemble(task_type, dtype, members=11, candidates=700)
    expected = score(name, task_type, predictions, targets)
    scattered = [np.array(rows) for rows in predictions]
    scattered[2] = np.pad(predictions[2], [(5, 9)] + [(0, 0)] * (predictions.ndim - 2))[5:-9]
    scattered[4] = np.frombuffer(predictions[4].tobytes(), dtype).reshape(predictions[4].shape)
    order = np.random.default_rng(0).permutation(11)
    rows = [scattered[member] for member in order]
    scores = evaluate(METRICS[name], UQScorer(task_type), rows, targets)
    assert np.array_equal(scores, score(name, task_type, predictions[order], targets))
    np.testing.assert_allclose(scores, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("divisor", [3.0, 7.0, 49.0, 64.0, 1000.0])
def test_quotients_are_those_of_a_division(divisor):
    numbers = np.random.default_rng(6).random(5000) * divisor
    assert [quotient(x, divisor, 1 / divisor) for x in numbers] == (numbers / divisor).tolist()
    assert quotient(divisor, divisor, 1 / divisor) == 1.0


def test_scores_beyond_the_largest_number_are_told():
    predictions = np.array([[1.0, 1e200], [1.0, -1e200], [1.0, 1e200]])
    with pytest.raises(ScoreError, match="'predictive_variance' gives candidate 1 the score NaN"):
        score("predictive_variance", REGRESSION, predictions)


@pytest.mark.parametrize("spread", [1e-6, 1.0, 700.0])
def test_logarithm(spread):
    """To 2 units in the last place, near 1 and far from it."""
    numbers = np.exp(np.random.default_rng(4).uniform(-spread, spread, 5000))
    values = np.array([natural_log(number) for number in numbers])
    np.testing.assert_allclose(values, np.log(numbers), rtol=4.5e-16)


@pytest.mark.parametrize("disagreement", [1.0, 0.1, 0.03, 1e-3, 1e-6])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_mutual_information_keeps_its_digits_where_members_nearly_agree(dtype, tolerance, disagreement):
    rng = np.random.default_rng(9)
    predictions = rng.dirichlet(np.ones(5), 8) * np.exp(disagreement * rng.normal(size=(7, 8, 5)))
    predictions = (predictions / predictions.sum(axis=2, keepdims=True)).astype(dtype)
    expected = []
    with localcontext(prec=50):
        for candidate in range(8):
            p = [[Decimal(float(x)) for x in rows] for rows in predictions[:, candidate]]
            means = [sum(column) / 7 for column in zip(*p, strict=True)]
            terms = [x * (x / mean).ln() for rows in p for x, mean in zip(rows, means, strict=True)]
            expected.append(float(sum(terms) / 7))
    scores = score("mutual_information", CLASSIFICATION, predictions)
    np.testing.assert_allclose(scores, expected, rtol=tolerance)


@pytest.mark.parametrize("classes", [1, 3, 8191, 8192, 8193, 20_000])
@pytest.mark.parametrize("members", [1, 7, 8, 19])
def test_mutual_information_of_any_shape(members, classes):
    """Also with more classes than are summed at a time, and for float32 as for float64."""
    rng = np.random.default_rng(7)
    predictions = rng.random((members, 6, classes)) ** 3
    predictions[:, 0] = 0.0
    predictions[:, 0, 0] = 1.0
    predictions /= predictions.sum(axis=2, keepdims=True)
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-12)):
        given = predictions.astype(dtype)
        p = given.astype(np.float64)
        ratio = np.divide(p, p.mean(axis=0), out=np.ones_like(p), where=p > 0)
        expected = np.sum(p * np.log(ratio), axis=2).mean(axis=0)
        scores = score("mutual_information", CLASSIFICATION, given)
        np.testing.assert_allclose(scores, expected, rtol=tolerance, atol=1e-13)


def test_crps_is_the_area_between_the_distribution_functions():
    """``integral of (F(x) - [x >= y])**2``, a sum over the steps of the members' distribution F."""
    predictions, targets = ensemble(REGRESSION, np.float64, members=9, candidates=30)
    steps = np.sort(np.vstack((predictions, targets)), axis=0)
    shares = (predictions[:, None] <= steps[:-1]).mean(axis=0)
    expected = ((shares - (targets <= steps[:-1])) ** 2 * np.diff(steps, axis=0)).sum(axis=0)
    np.testing.assert_allclose(score("crps", REGRESSION, predictions, targets), expected, rtol=1e-12)


def test_variance_holds_at_a_large_offset():
    """float32 values around 1e5 have steps of 1/128; the variance of what they hold is exact."""
    rng = np.random.default_rng(1)
    predictions = (1e5 + rng.normal(0.0, 0.1, (16, 500))).astype(np.float32)
    expected = (predictions.astype(np.float64) - 1e5).var(axis=0)
    np.testing.assert_allclose(score("predictive_variance", REGRESSION, predictions), expected, rtol=1e-12)


def test_variance_holds_where_the_first_member_is_an_outlier():
    predictions = np.random.default_rng(2).normal(size=(50, 40))
    predictions[0] += 1e6
    expected = predictions.astype(np.longdouble).var(axis=0).astype(np.float64)
    np.testing.assert_allclose(score("predictive_variance", REGRESSION, predictions), expected, rtol=1e-12)
