"""Three classifiers of spectra in a few lines of NumPy each.

A fitted model is a dictionary of arrays; probabilities are ``[spectra, minerals]``.
"""

import numpy as np
from spectra import MINERALS

Arrays = dict[str, np.ndarray]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, along the last axis."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``[len(a), len(b)]``."""
    return np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T


def one_hot(minerals: np.ndarray) -> np.ndarray:
    """``[n, minerals]``."""
    return np.eye(MINERALS)[minerals]


def fit_logistic(spectra: np.ndarray, minerals: np.ndarray) -> Arrays:
    """Multinomial logistic regression by gradient descent."""
    inputs = np.column_stack([spectra, np.ones(len(spectra))])
    weights = np.zeros((inputs.shape[1], MINERALS))
    for _ in range(400):
        error = softmax(inputs @ weights) - one_hot(minerals)
        weights -= 0.5 * (inputs.T @ error / len(inputs) + 1e-3 * weights)
    return {"weights": weights}


def predict_logistic(model: Arrays, spectra: np.ndarray) -> np.ndarray:
    """Softmax of a linear map."""
    return softmax(spectra @ model["weights"][:-1] + model["weights"][-1])


def fit_neighbours(spectra: np.ndarray, minerals: np.ndarray) -> Arrays:
    """Remember everything."""
    return {"spectra": spectra, "votes": one_hot(minerals)}


def predict_neighbours(model: Arrays, spectra: np.ndarray) -> np.ndarray:
    """Votes of all known spectra, the near ones weighing most."""
    return softmax(-2 * squared_distances(spectra, model["spectra"])) @ model["votes"]


def fit_ridge(spectra: np.ndarray, minerals: np.ndarray) -> Arrays:
    """Ridge regression on the one-hot labels, around the mean spectrum."""
    mean = spectra.mean(axis=0)
    inputs = spectra - mean
    normal = inputs.T @ inputs + 2 * np.eye(inputs.shape[1])
    return {"mean": mean, "weights": np.linalg.solve(normal, inputs.T @ (one_hot(minerals) - 1 / MINERALS))}


def predict_ridge(model: Arrays, spectra: np.ndarray) -> np.ndarray:
    """Softmax of the sharpened regression."""
    return softmax(6 * (spectra - model["mean"]) @ model["weights"])


FIT = {"logistic": fit_logistic, "neighbours": fit_neighbours, "ridge": fit_ridge}
PREDICT = {"logistic": predict_logistic, "neighbours": predict_neighbours, "ridge": predict_ridge}


def save(name: str, model: Arrays) -> None:
    """Keep a fitted model in the learner's folder."""
    np.savez(f"{name}.npz", **model)


def probabilities(name: str, spectra: np.ndarray) -> np.ndarray:
    """What the model that training has left says."""
    with np.load(f"{name}.npz") as model:
        return PREDICT[name](model, spectra)
