"""The "expensive" simulation: Forrester's function, f(x) = (6x - 2)^2 sin(12x - 4), at one point."""

import os
from pathlib import Path

import numpy as np

iteration, index = int(os.environ["ROSE_ITERATION"]), int(os.environ["ROSE_INDEX"])
points = np.load("next.npy") if Path("next.npy").exists() else np.array([0.0, 0.5, 1.0])
x = points[index]
np.save(f"sample-{iteration}-{index}.npy", [x, (6 * x - 2) ** 2 * np.sin(12 * x - 4)])
