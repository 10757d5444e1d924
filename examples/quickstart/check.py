"""Measure one model's accuracy on the test images, which nothing else looks at."""

import json
import os

import data
import models
import numpy as np

name = os.environ["ROSE_MODEL"]
digits = data.load()
with np.load(f"{name}.npz") as weights:
    guesses = models.probabilities(name, weights, digits.test_images).argmax(axis=1)
print(json.dumps({"model_accuracy": float((guesses == digits.test_labels).mean())}))
