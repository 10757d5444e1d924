"""Measure the network's error at 2,000 points, always the same. A criterion prints its number last."""

import os

import experiment
import numpy as np
from network import Network

network = Network.load(int(os.environ["ROSE_ITERATION"]))
points = np.random.default_rng(0).uniform(-1, 1, (2000, network.features))
print(np.mean((network.predict(points) - experiment.measure(points)) ** 2))
