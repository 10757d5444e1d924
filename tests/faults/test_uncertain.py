"""Faults of learners that measure uncertainty."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rose_mpi.uq import UQScorer

pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def run(finished):
    return finished("uncertain")


def test_margin_queries_the_most_certain_samples(run):
    """A small margin means an undecided model, but the largest ones were chosen."""
    assert [state.selected for state in run.record.learners["learner-0"].iterations] == [(1,), (4,), (6,)]
    predictions = np.array([[[0.9, 0.1], [0.55, 0.45], [0.8, 0.2]]] * 2)
    best, _ = UQScorer(task_type="classification").select_top_uncertain(predictions, k=1, metric="margin")
    assert best.tolist() == [1]


def test_the_ensemble_shrinks_when_a_model_meets_its_criterion(run):
    """Its predictions were missing from then on, and with them most of the uncertainty."""
    predictions = Counter(row.model for row in run.tasks(stage="prediction", status="done"))
    trainings = Counter(row.model for row in run.tasks(stage="training", status="done"))
    assert predictions == {"poor": 3, "good": 3, "bad": 3}
    assert trainings == {"poor": 3, "good": 1, "bad": 3}


def test_the_same_simulation_runs_once_per_model(run):
    """Each model had the samples simulated anew."""
    assert [row.iteration for row in run.tasks(stage="simulation")] == [0, 1, 2]
