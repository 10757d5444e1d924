"""Fit the surrogate to all samples there are."""

import json
from pathlib import Path

import gp
import numpy as np

x, y = np.array([np.load(file) for file in sorted(Path().glob("sample-*.npy"))]).T
mean, variance = gp.posterior(x, y)
np.savez("surrogate.npz", x=x, y=y, mean=mean, variance=variance)
print(json.dumps({"samples": len(x)}))
