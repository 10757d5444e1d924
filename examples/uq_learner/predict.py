"""Let one model judge all candidates; each pass sees them with another draw of the detector's noise."""

import argparse
import os

import models
import numpy as np
import spectra

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model_name", choices=models.PREDICT, required=True)
parser.add_argument("--iteration", type=int, required=True, help="number of the pass, from 0")
options = parser.parse_args()

pool, _ = spectra.load()
noisy = spectra.with_noise(pool.spectra, np.random.default_rng(int(os.environ["ROSE_SEED"])))
np.save(
    f"prediction-{options.model_name}-{options.iteration}.npy",
    models.probabilities(options.model_name, noisy),
)
