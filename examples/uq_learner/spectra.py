"""Synthetic Raman-like spectra of six minerals, each contaminated by another one.

A spectrum costs nothing to have; which mineral it is mostly made of takes a laboratory. Among the candidates
the first minerals are common and the last ones rare, among the spectra to test with all are equally frequent.
"""

from typing import NamedTuple

import numpy as np

MINERALS = 6
CHANNELS = 60
NOISE = 0.1


class Spectra(NamedTuple):
    """Spectra ``[n, 60]`` and the index of the main mineral ``[n]``."""

    spectra: np.ndarray
    minerals: np.ndarray


def load() -> tuple[Spectra, Spectra]:
    """The pool of 600 candidates, and 600 others to test with; the same in every call."""
    rng = np.random.default_rng(1928)
    pure = np.array([pure_spectrum(rng) for _ in range(MINERALS)])
    frequencies = 0.5 ** np.arange(MINERALS)
    pool = rng.choice(MINERALS, 600, p=frequencies / frequencies.sum())
    return measured(pure, pool, rng), measured(pure, np.repeat(np.arange(MINERALS), 100), rng)


def pure_spectrum(rng: np.random.Generator) -> np.ndarray:
    """Four peaks anywhere, ``[60]``."""
    positions, heights = rng.uniform(0, CHANNELS, (4, 1)), rng.uniform(0.4, 1, (4, 1))
    return np.sum(heights * np.exp(-0.5 * ((np.arange(CHANNELS) - positions) / 2) ** 2), axis=0)


def measured(pure: np.ndarray, minerals: np.ndarray, rng: np.random.Generator) -> Spectra:
    """Mixtures with another mineral on a sloping background."""
    count = len(minerals)
    others = (minerals + rng.integers(1, MINERALS, count)) % MINERALS
    share = rng.uniform(0, 0.45, (count, 1))
    background = rng.uniform(0, 0.5, (count, 1)) * np.linspace(1, 0, CHANNELS)
    mixtures = (1 - share) * pure[minerals] + share * pure[others] + background
    return Spectra(with_noise(mixtures, rng), minerals)


def with_noise(spectra: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The spectra as a noisy detector sees them."""
    return spectra + rng.normal(0, NOISE, spectra.shape)
