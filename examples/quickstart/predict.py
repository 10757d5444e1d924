"""Predict the digit in every image of the pool with one model: probabilities ``[candidates, 10]``."""

import os

import data
import models
import numpy as np

name = os.environ["ROSE_MODEL"]
with np.load(f"{name}.npz") as weights:
    np.save(f"{os.environ['ROSE_RESULT']}.npy", models.probabilities(name, weights, data.load().pool_images))
