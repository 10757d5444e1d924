"""Label the queried images; the first call deals the cards and labels the images to begin with."""

import argparse
import json
import os

import data
import numpy as np


def queried_so_far() -> np.ndarray:
    """Candidates labelled before this call."""
    with np.load("labelled.npz") as labelled:
        return labelled["candidates"]


def main(split: int) -> None:
    """Write ``labelled.npz`` and tell how many labels have been paid for."""
    selected = os.environ.get("ROSE_SELECTED")
    if selected:
        digits = data.load()
        with np.load(selected) as query:
            candidates = np.union1d(queried_so_far(), query["indices"])
    else:
        digits = data.split(split)
        data.save(digits)
        candidates = np.empty(0, np.int64)
    images = np.concatenate([digits.first_images, digits.pool_images[candidates]])
    labels = np.concatenate([digits.first_labels, digits.pool_labels[candidates]])
    np.savez("labelled.npz", candidates=candidates, images=images, labels=labels)
    print(json.dumps({"labels": len(labels)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", type=int, default=0, help="seed of the split into test set and pool")
    main(parser.parse_args().split)
