"""Send candidates to the laboratory: 12 random ones first, later those that were asked for."""

import os
from pathlib import Path

import numpy as np
import spectra

pool, _ = spectra.load()
if Path("requested.npy").exists():
    indices = np.load("requested.npy")
else:
    rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
    indices = np.sort(rng.choice(len(pool.minerals), 12, replace=False))
np.savez("labelled.npz", indices=indices, minerals=pool.minerals[indices])
print(f"{len(indices)} spectra have been analysed")
