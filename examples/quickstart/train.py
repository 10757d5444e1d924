"""Fit one model of the ensemble, from scratch, to the images labelled so far."""

import os

import models
import numpy as np

name = os.environ["ROSE_MODEL"]
with np.load("labelled.npz") as labelled:
    weights = models.FIT[name](labelled["images"], labelled["labels"], int(os.environ["ROSE_SEED"]))
np.savez(f"{name}.npz", **weights)
