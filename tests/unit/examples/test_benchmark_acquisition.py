"""The problems by which acquisitions are compared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tests.unit.examples.scripts import modules

EXAMPLE = "benchmark_acquisition"


@pytest.mark.parametrize(
    ("name", "place", "minimum"),
    [
        ("branin", [(np.pi + 5) / 15, 2.275 / 15], 0.397887),
        ("branin", [(-np.pi + 5) / 15, 12.275 / 15], 0.397887),
        ("hartmann", [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573], -3.32237),
    ],
)
def test_functions_have_their_known_minima(name, place, minimum):
    with modules(EXAMPLE, "functions") as (functions,):
        task = functions.problem(name)
        np.testing.assert_allclose(task.function(np.array([place])), minimum, atol=1e-5)
        assert task.function(task.pool).min() >= minimum


def test_draws_agree_with_what_is_known_and_differ_elsewhere(tmp_path):
    with modules(EXAMPLE, "functions", "optimise") as (functions, optimise):
        optimise.simulate("branin", 0, np.empty(0, int), tmp_path)
        chosen = np.arange(30)
        told = optimise.simulate("branin", 0, chosen, tmp_path)
        optimise.train(tmp_path)
        draws = np.array([optimise.predict("branin", seed, tmp_path) for seed in range(20)])
        values = functions.problem("branin").function(functions.problem("branin").pool)
    assert told["labels"] == 35
    spread = draws.std(axis=0)
    assert np.abs(draws.mean(axis=0) - values)[chosen].max() < 0.15 * values.std()
    assert spread[chosen].mean() < 0.5 * spread[30:].mean()
    inside = np.abs(draws.mean(axis=0) - values) <= norm.ppf(0.95) * spread
    assert inside[30:].mean() > 0.5


def test_models_learn_digits(tmp_path):
    with modules(EXAMPLE, "classify") as (classify,):
        errors = []
        for chosen in (np.empty(0, int), np.arange(300)):
            classify.simulate(0, chosen, tmp_path)
            classify.train("one", 1, tmp_path)
            errors.append(classify.error("one", tmp_path))
        np.testing.assert_allclose(classify.predict("one", tmp_path).sum(axis=1), 1.0, atol=1e-6)
    assert errors[1] < 0.1 < errors[0]
