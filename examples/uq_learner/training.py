"""Fit one model of the ensemble to the spectra whose mineral is known."""

import argparse

import models
import numpy as np
import spectra

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model_name", choices=models.FIT, required=True)
name = parser.parse_args().model_name

pool, _ = spectra.load()
with np.load("labelled.npz") as labelled:
    models.save(name, models.FIT[name](pool.spectra[labelled["indices"]], labelled["minerals"]))
