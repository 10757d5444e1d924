"""Measure new samples: half of them anywhere, half around the points that active.py found hardest."""

import argparse
import os

import experiment
import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--n_labeled", type=int, default=100, help="samples to measure in this iteration")
parser.add_argument("--n_features", type=int, default=2, help="dimensions of the landscape")
parser.add_argument("--noise_level", type=float, default=0.1, help="standard deviation of a measurement")
options = parser.parse_args()

rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
points = rng.uniform(-1, 1, (options.n_labeled, options.n_features))
if int(os.environ["ROSE_ITERATION"]) > 0:
    half = options.n_labeled // 2
    around = rng.choice(np.load("hardest.npy"), half)
    points[:half] = np.clip(around + rng.normal(0, 0.1, around.shape), -1, 1)
heights = experiment.measure(points) + rng.normal(0, options.noise_level, len(points))
np.savez("samples.npz", points=points, heights=heights)
