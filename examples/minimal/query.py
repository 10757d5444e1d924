"""Choose the three points to simulate next: one after another, where the surrogate is least certain."""

import gp
import numpy as np

with np.load("surrogate.npz") as surrogate:
    x, y, variance = surrogate["x"], surrogate["y"], surrogate["variance"]
chosen: list[float] = []
for _ in range(3):
    point = gp.GRID[np.argmax(variance)]
    chosen.append(point)
    x, y = np.append(x, point), np.append(y, 0.0)  # the variance does not depend on y
    variance = gp.posterior(x, y)[1]
np.save("next.npy", chosen)
