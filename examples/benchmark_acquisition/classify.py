"""Label handwritten digits: five models learn from the labels so far, each by random features of its own."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

TEST_IMAGES = 497
RESERVED = 300
FIRST_LABELS = 20

FEATURES = 400
LENGTH = 2.0
RIDGE = 0.01
SHARPNESS = (1, 2, 4, 8, 16)


class Digits(NamedTuple):
    """Images ``[n, 64]`` in [0, 1] and labels ``[n]``: for tests, for first labels, and the candidates."""

    test_images: np.ndarray
    test_labels: np.ndarray
    first_images: np.ndarray
    first_labels: np.ndarray
    pool_images: np.ndarray
    pool_labels: np.ndarray


@cache
def digits() -> Digits:
    """Deal the 1,797 images; the same for all seeds."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    ends = [TEST_IMAGES, TEST_IMAGES + RESERVED]
    parts = zip(np.split(images[order] / 16, ends), np.split(labels[order], ends), strict=True)
    return Digits(*(array for part in parts for array in part))


def simulate(seed: int, indices: np.ndarray, folder: Path) -> dict[str, float]:
    """Label the chosen images, at first some random ones from a set of their own."""
    data = digits()
    if len(indices):
        with np.load(folder / "labelled.npz") as before:
            images = np.vstack((before["images"], data.pool_images[indices]))
            labels = np.append(before["labels"], data.pool_labels[indices])
    else:
        first = np.random.default_rng([1, seed]).choice(RESERVED, FIRST_LABELS, replace=False)
        images, labels = data.first_images[first], data.first_labels[first]
    np.savez(folder / "labelled.npz", images=images, labels=labels)
    return {"labels": len(labels)}


def train(model: str, seed: int, folder: Path) -> dict[str, float]:
    """Fit one model: ridge regression on the ten digits, and how sharply its values become probabilities.

    Sharpness is chosen by the likelihood of each label under the fit to all others, which has a closed form.
    """
    with np.load(folder / "labelled.npz") as known:
        images, labels = known["images"], known["labels"]
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(size=(64, FEATURES)) / LENGTH, rng.uniform(0, 2 * np.pi, FEATURES)
    features, wanted = _features(images, waves, phases), np.eye(10)[labels]
    inverse = np.linalg.inv(features @ features.T + RIDGE * np.eye(len(labels)))
    without = wanted - (inverse @ wanted) / inverse.diagonal()[:, None]
    own = np.arange(len(labels)), labels
    sharpness = max(SHARPNESS, key=lambda each: float(np.log(_softmax(each * without)[own]).sum()))
    weights = features.T @ (inverse @ wanted)
    np.savez(folder / f"{model}.npz", waves=waves, phases=phases, weights=sharpness * weights)
    return {"sharpness": sharpness}


def predict(model: str, folder: Path) -> np.ndarray:
    """Probabilities of the ten digits for all candidates."""
    return _probabilities(model, digits().pool_images, folder)


def error(model: str, folder: Path) -> float:
    """Share of the test images that one model takes for another digit."""
    data = digits()
    return float((_probabilities(model, data.test_images, folder).argmax(axis=1) != data.test_labels).mean())


def _probabilities(model: str, images: np.ndarray, folder: Path) -> np.ndarray:
    with np.load(folder / f"{model}.npz") as fitted:
        return _softmax(_features(images, fitted["waves"], fitted["phases"]) @ fitted["weights"])


def _features(images: np.ndarray, waves: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Random Fourier features (Rahimi and Recht 2007)."""
    return np.sqrt(2 / FEATURES) * np.cos(images @ waves + phases)


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
