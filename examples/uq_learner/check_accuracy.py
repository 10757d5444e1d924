"""Measure the share of test spectra that one model recognises. A criterion prints its number last."""

import argparse

import models
import numpy as np
import spectra

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model_name", choices=models.PREDICT, required=True)
name = parser.parse_args().model_name

_, test = spectra.load()
print(np.mean(models.probabilities(name, test.spectra).argmax(axis=1) == test.minerals))
