"""Choose the candidates that the ensemble is least certain about, and tell how uncertain it is.

The candidates are chosen by any metric, also one's own; the uncertainty told is their mean predictive
entropy in nats, whatever they were chosen by, so that it can be held against one threshold.
"""

# ruff: noqa: ANN001, ANN201, I001

import argparse
import json
from pathlib import Path

import numpy as np

# fmt: off
from rose_mpi.uq import UQScorer, register_uq, UQ_REGISTRY

@register_uq("custom_uq")
def confidence_score(self, mc_preds):
    """
    Custom classification metric: 1 - max predicted probability.
    Lower max prob = higher uncertainty.
    """
    mc_preds, _ = self._validate_inputs(mc_preds)
    mean_probs = np.mean(mc_preds, axis=0)      # [n_instances, n_classes]
    max_prob = np.max(mean_probs, axis=1)
    return 1.0 - max_prob


scorer = UQScorer(task_type="classification")
print("Available metrics:", list(UQ_REGISTRY.keys()))

UQ_METRIC_NAME='custom_uq'
# fmt: on

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--uq_metric_name", default=UQ_METRIC_NAME)
parser.add_argument("--query_size", type=int, default=10)
options = parser.parse_args()

predictions = np.stack([np.load(path) for path in sorted(Path().glob("prediction-*.npy"))])
with np.load("labelled.npz") as labelled:
    candidates = np.setdiff1d(np.arange(predictions.shape[1]), labelled["indices"])
predictions = predictions[:, candidates]
best, scores = scorer.select_top_uncertain(predictions, k=options.query_size, metric=options.uq_metric_name)
entropy = scorer.score("predictive_entropy", predictions[:, best])
chosen = {"indices": candidates[best].tolist(), "scores": scores.tolist()}
print(json.dumps({"metric_value": entropy.mean(), **chosen}))
