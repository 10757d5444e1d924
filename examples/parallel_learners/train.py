"""Go on training the network with this iteration's samples; the first iteration begins with a new one."""

import argparse
import os

import numpy as np
from network import Network

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--learning_rate", type=float, default=0.01)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=12)
options = parser.parse_args()

rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
with np.load("samples.npz") as samples:
    points, heights = samples["points"], samples["heights"]
iteration = int(os.environ["ROSE_ITERATION"])
network = Network.load(iteration - 1) if iteration > 0 else Network.random(points.shape[1], rng)
network.train(points, heights, options.epochs, options.learning_rate, options.batch_size, rng)
network.save(iteration)
