"""Ask the laboratory for the candidates that were selected, beside those it has analysed."""

import os

import numpy as np

with np.load("labelled.npz") as labelled, np.load(os.environ["ROSE_SELECTED"]) as selected:
    np.save("requested.npy", np.union1d(labelled["indices"], selected["indices"]))
