"""The digits, split into a test set, the images labelled at the start, and the pool of candidates."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

TEST_IMAGES = 500
FIRST_LABELS = 40
FILE = Path("digits.npz")


class Digits(NamedTuple):
    """Images ``[n, 64]`` of float32 in [0, 1] and their labels 0 to 9 ``[n]``."""

    first_images: np.ndarray
    first_labels: np.ndarray
    pool_images: np.ndarray
    pool_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def split(seed: int) -> Digits:
    """Deal the 1,797 images at random; the same for every learner that names the same seed."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = (images[order] / 16).astype(np.float32), labels[order]
    ends = [FIRST_LABELS, len(labels) - TEST_IMAGES]
    parts = zip(np.split(images, ends), np.split(labels, ends), strict=True)
    return Digits(*(array for part in parts for array in part))


def save(digits: Digits) -> None:
    """Keep the images in the learner's folder, where NumPy alone can read them."""
    np.savez(FILE, **digits._asdict())


def load() -> Digits:
    """Read what :func:`save` has left."""
    with np.load(FILE) as arrays:
        return Digits(**arrays)
