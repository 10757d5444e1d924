"""Simulate 20 traps: near the boundary that the surrogate sees, or anywhere as long as there is none.

Three simulations run at once in one folder, so each writes a file of its own. It gets its name when it is
whole, for whoever looks at the folder meanwhile.
"""

import os
from pathlib import Path

import ion_trap
import numpy as np

POINTS = 20

rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
if Path("query.npy").exists():
    points = rng.choice(np.load("query.npy"), POINTS, replace=False)
else:
    points = rng.random((POINTS, 2))
task = os.environ["ROSE_TASK"]
draft = Path(f"draft-{task}.npz")
np.savez(draft, points=points, stable=ion_trap.is_stable(points))
draft.rename(f"simulation-{task}.npz")
