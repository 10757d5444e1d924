"""Minimise a function: evaluate it, fit a Gaussian process, draw functions that agree with what is known."""

from pathlib import Path

import numpy as np
from functions import problem

FEATURES = 200
NOISE = 1e-3
LENGTHS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0)


def simulate(name: str, seed: int, indices: np.ndarray, folder: Path) -> dict[str, float]:
    """Evaluate the chosen points, at first some random ones; tells the best value so far."""
    task = problem(name)
    points = task.pool[indices] if len(indices) else task.first(seed)
    values = task.function(points)
    known = folder / "known.npz"
    if len(indices):
        with np.load(known) as before:
            points, values = np.vstack((before["x"], points)), np.append(before["y"], values)
    np.savez(known, x=points, y=values)
    return {"best": float(values.min()), "labels": len(values)}


def train(folder: Path) -> dict[str, float]:
    """Find the length over which values are alike, by the likelihood of what is known."""
    points, values, _, _ = _known(folder)
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    length = max(LENGTHS, key=lambda each: _log_likelihood(np.exp(-squares / (2 * each**2)), values))
    np.save(folder / "length.npy", length)
    return {"length": length}


def predict(name: str, seed: int, folder: Path) -> np.ndarray:
    """Draw a function that agrees with what is known, by random Fourier features (Rahimi and Recht 2007)."""
    points, values, mean, scale = _known(folder)
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(points.shape[1], FEATURES)) / float(np.load(folder / "length.npy"))
    phases = rng.uniform(0, 2 * np.pi, FEATURES)
    prior = rng.normal(size=FEATURES)
    known = _features(points, waves, phases)
    missing = values - known @ prior - NOISE**0.5 * rng.normal(size=len(values))
    weights = prior + known.T @ np.linalg.solve(known @ known.T + NOISE * np.eye(len(known)), missing)
    return mean + scale * (_features(problem(name).pool, waves, phases) @ weights)


def error(name: str, folder: Path) -> float:
    """By how much the best value so far misses the best of all candidates."""
    task = problem(name)
    with np.load(folder / "known.npz") as known:
        return max(float(known["y"].min() - task.function(task.pool).min()), 0.0)


def _known(folder: Path) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Points, and values with their mean taken away and divided by their spread."""
    with np.load(folder / "known.npz") as known:
        points, values = known["x"], known["y"]
    return points, (values - values.mean()) / values.std(), values.mean(), values.std()


def _features(points: np.ndarray, waves: np.ndarray, phases: np.ndarray) -> np.ndarray:
    return np.sqrt(2 / FEATURES) * np.cos(points @ waves + phases)


def _log_likelihood(kernel: np.ndarray, values: np.ndarray) -> float:
    factor = np.linalg.cholesky(kernel + NOISE * np.eye(len(values)))
    return -0.5 * float(((np.linalg.solve(factor, values)) ** 2).sum()) - float(
        np.log(factor.diagonal()).sum()
    )
