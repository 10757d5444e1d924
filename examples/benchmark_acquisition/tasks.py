"""What each task of an iteration does; the learner's name, such as branin-thompson-3, tells the problem."""

from pathlib import Path
from typing import Any

import classify
import numpy as np
import optimise


def simulate(*, learner: str, selection: str | None, workdir: str) -> dict[str, float]:
    """Look up what was chosen; equal seeds begin alike, whatever they choose by."""
    problem, _, rest = learner.partition("-")
    seed = int(rest.rpartition("-")[2])
    indices = np.empty(0, np.int64) if selection is None else np.load(selection)["indices"]
    if problem == "digits":
        return classify.simulate(seed, indices, Path(workdir))
    return optimise.simulate(problem, seed, indices, Path(workdir))


def train(*, learner: str, model: str, seed: int, workdir: str) -> Any:
    """Fit one model of the ensemble."""
    if learner.startswith("digits-"):
        return classify.train(model, seed, Path(workdir))
    return optimise.train(Path(workdir))


def predict(*, learner: str, model: str, seed: int, workdir: str) -> np.ndarray:
    """Predict all candidates."""
    if learner.startswith("digits-"):
        return classify.predict(model, Path(workdir))
    return optimise.predict(learner.partition("-")[0], seed, Path(workdir))


def check(*, learner: str, model: str, workdir: str) -> float:
    """How far a model is from perfect."""
    if learner.startswith("digits-"):
        return classify.error(model, Path(workdir))
    return optimise.error(learner.partition("-")[0], Path(workdir))
