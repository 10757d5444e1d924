"""Fit the surrogate to all samples."""

import numpy as np
import samples
import surrogate

points, stable = samples.load()
np.savez("surrogate.npz", points=points, weights=surrogate.fit(points, np.where(stable, 1.0, -1.0)))
