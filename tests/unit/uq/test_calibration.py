"""The report on calibration against its definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import rose_mpi.uq.calibration as calibration_module
from rose_mpi.uq.agreement import Alone
from rose_mpi.uq.calibration import Calibration
from rose_mpi.uq.evaluate import CHUNK
from rose_mpi.uq.scorer import UQScorer

CANDIDATES = 3000
KEPT = np.random.default_rng(1).random(CANDIDATES) < 0.8


def reported(task_type, predictions, targets, kept=KEPT):
    calibration = Calibration(task_type, targets)
    half = len(targets) // 2
    calibration.look(np.ascontiguousarray(predictions[:, :half]), 0)
    calibration.look(np.ascontiguousarray(predictions[:, half:]), half)
    return calibration.report(Alone(), kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_calibration_error_compares_confidence_and_accuracy(dtype):
    rng = np.random.default_rng(2)
    predictions = rng.dirichlet(np.full(4, 0.4), (5, CANDIDATES)).astype(dtype)
    targets = rng.integers(4, size=CANDIDATES)
    mean = predictions.astype(float).mean(axis=0)[KEPT]
    confidence, correct = mean.max(axis=1), mean.argmax(axis=1) == targets[KEPT]
    bins = np.minimum(np.floor(confidence * 15), 14)
    expected = sum(
        abs(confidence[bins == b].mean() - correct[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    found = reported("classification", predictions, targets)
    assert found.keys() == {"calibration_error"}
    np.testing.assert_allclose(found["calibration_error"], expected, rtol=1e-10)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    predictions = np.tile(np.eye(2)[0], (3, CANDIDATES, 1))
    right, wrong = np.zeros(CANDIDATES, np.int64), np.ones(CANDIDATES, np.int64)
    assert reported("classification", predictions, right) == {"calibration_error": 0.0}
    assert reported("classification", predictions, wrong) == {"calibration_error": 1.0}


def test_coverage_is_the_share_within_the_intervals():
    rng = np.random.default_rng(3)
    predictions, targets = rng.normal(1.0, 2.0, (8, CANDIDATES)), rng.normal(1.0, 3.0, CANDIDATES)
    mean, std = predictions.mean(axis=0)[KEPT], predictions.std(axis=0)[KEPT]
    found = reported("regression", predictions, targets)
    for level in (50, 90):
        low, high = norm.interval(level / 100, mean, std)
        inside = (low <= targets[KEPT]) & (targets[KEPT] <= high)
        assert found[f"coverage_{level}"] == inside.mean()
    crps = UQScorer("regression").score("crps", predictions, targets)
    np.testing.assert_allclose(found["mean_crps"], crps[KEPT].mean(), rtol=1e-12)
    assert len(found) == 3


@pytest.mark.parametrize("chunks", [1, 5])
def test_the_report_is_the_same_however_much_is_summed_at_a_time(monkeypatch, chunks):
    rng = np.random.default_rng(4)
    predictions, targets = rng.normal(size=(3, CANDIDATES)), rng.normal(size=CANDIDATES)
    expected = reported("regression", predictions, targets)
    monkeypatch.setattr(calibration_module, "_SLICE", chunks * CHUNK)
    assert reported("regression", predictions, targets) == expected


def test_members_that_agree_cover_only_what_is_true():
    predictions = np.ones((3, 4))
    found = reported("regression", predictions, np.array([1.0, 1.0, 2.0, 1.0]), np.ones(4, bool))
    assert found == {"coverage_50": 0.75, "coverage_90": 0.75, "mean_crps": 0.25}


@pytest.mark.parametrize(("task_type", "shape"), [("classification", (2, 9, 3)), ("regression", (2, 9))])
def test_nothing_to_report_where_all_are_left_out(task_type, shape):
    targets = np.zeros(9, np.int64 if task_type == "classification" else float)
    predictions = np.full(shape, 1 / 3)
    assert reported(task_type, predictions, targets, np.zeros(9, bool)) == {}
