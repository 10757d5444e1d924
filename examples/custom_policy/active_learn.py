"""Choose where to simulate next: the 200 of 2,000 random candidates that are nearest to the boundary."""

import os

import numpy as np
import surrogate

rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
candidates = rng.random((2000, 2))
order = np.argsort(np.abs(surrogate.decide(candidates)))
np.save("query.npy", candidates[order[:200]])
