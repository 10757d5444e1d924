"""Compare the surrogate with the true function."""

import json

import gp
import numpy as np

truth = (6 * gp.GRID - 2) ** 2 * np.sin(12 * gp.GRID - 4)
with np.load("surrogate.npz") as surrogate:
    error = np.mean((surrogate["mean"] - truth) ** 2)
print(json.dumps({"mean_squared_error_mse": float(error)}))
