"""Functions such as a user would write."""

from __future__ import annotations

import os
import weakref

import numpy as np

CANDIDATES, CLASSES = 700, 4


def probabilities(model, index, iteration):
    """What the models of these tests predict: the same wherever it is computed."""
    seed = [sum(map(ord, model)), index, iteration]
    raw = np.random.default_rng(seed).random((CANDIDATES, CLASSES)).astype(np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


def train(model):
    return {"loss": float(len(model))}


def predict(model, index, iteration):
    return probabilities(model, index, iteration)


def predict_nan(model, index, iteration):
    array = probabilities(model, index, iteration)
    if model == "forest" and index == 1:
        array[123, 2] = np.nan
    return array


def predict_misfit(model, index, iteration):
    array = probabilities(model, index, iteration)
    return array[:-1] if model == "logistic" else array


def predict_list(model):
    return [0.1, 0.9]


def fail(index):
    raise KeyError(f"no such thing {index}")


def where(seed, workdir, selection=None):
    return {"pid": os.getpid(), "seed": seed}


def return_object():
    return object()


def interrupt():
    raise KeyboardInterrupt


def least_confidence(scorer, predictions):
    return 1.0 - predictions.mean(axis=0).max(axis=1)


def broken_metric(scorer, predictions):
    raise ZeroDivisionError("a fault of the metric")


ALIVE = []


def predict_watched(model, index, iteration):
    array = probabilities(model, index, iteration)
    ALIVE.append(weakref.ref(array))
    return array


def alive():
    return sum(reference() is not None for reference in ALIVE)
