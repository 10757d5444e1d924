"""Measure the share of traps that the surrogate judges rightly. A criterion prints its number last."""

import ion_trap
import numpy as np
import surrogate

grid = ion_trap.grid()
print(np.mean((surrogate.decide(grid) > 0) == ion_trap.is_stable(grid)))
