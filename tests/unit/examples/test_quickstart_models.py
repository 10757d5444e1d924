"""The plain arrays of the quickstart's models say what scikit-learn says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart"
CLASSIFIERS = {"mlp": MLPClassifier, "forest": ExtraTreesClassifier, "logistic": LogisticRegression}


@pytest.fixture
def script(monkeypatch):
    """Imports a module of the example, as its scripts do."""
    monkeypatch.syspath_prepend(QUICKSTART)
    yield importlib.import_module
    for name in ("data", "models"):
        sys.modules.pop(name, None)


@pytest.fixture
def fitted(monkeypatch):
    """The scikit-learn models that were fitted, by name."""
    models = {}
    for name, classifier in CLASSIFIERS.items():
        original = classifier.fit

        def fit(self, *arguments, name=name, original=original, **keywords):
            models[name] = self
            return original(self, *arguments, **keywords)

        monkeypatch.setattr(classifier, "fit", fit)
    return models


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("seen", [range(10), [0, 3, 4, 9]])
def test_numpy_evaluates_what_scikit_learn_fitted(script, fitted, name, seen, tmp_path):
    models, digits = script("models"), script("data").split(0)
    known = np.isin(digits.pool_labels, seen)
    images, labels = digits.pool_images[known][:80], digits.pool_labels[known][:80]
    np.savez(tmp_path / "weights.npz", **models.FIT[name](images, labels, 3))
    with np.load(tmp_path / "weights.npz") as weights:
        probabilities = models.probabilities(name, weights, digits.test_images)
    assert (probabilities.shape, probabilities.dtype) == ((500, 10), np.float32)
    expected = np.zeros((500, 10))
    expected[:, list(seen)] = fitted[name].predict_proba(digits.test_images)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_seed_gives_the_same_model_again(script, name):
    models, digits = script("models"), script("data").split(0)
    first, second, other = (
        models.FIT[name](digits.first_images, digits.first_labels, seed) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(first[key], second[key]) for key in first)
    same = all(np.array_equal(first[key], other[key]) for key in first)
    assert same == (name == "logistic")


def test_no_image_is_dealt_twice(script):
    digits = script("data").split(5)
    images = np.concatenate([digits.first_images, digits.pool_images, digits.test_images])
    assert images.shape == (1797, 64)
    assert len(np.unique(images, axis=0)) == 1797
