"""Write the candidates' features and true values beside the configuration, where it expects them."""

from pathlib import Path

import numpy as np
from classify import digits
from functions import problem

folder = Path(__file__).parent
np.save(folder / "digits_features.npy", digits().pool_images.astype(np.float32))
np.save(folder / "digits_labels.npy", digits().pool_labels)
for name in ("branin", "hartmann"):
    task = problem(name)
    np.save(folder / f"{name}_values.npy", task.function(task.pool))
