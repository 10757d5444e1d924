"""Find the 20 samples at which the network is most wrong: the next simulation looks around them."""

import os

import numpy as np
from network import Network

with np.load("samples.npz") as samples:
    points, heights = samples["points"], samples["heights"]
network = Network.load(int(os.environ["ROSE_ITERATION"]))
errors = np.abs(network.predict(points) - heights)
np.save("hardest.npy", points[np.argsort(-errors)[:20]])
