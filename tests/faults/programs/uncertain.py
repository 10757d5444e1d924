"""An ensemble of three models of which one is good enough from the first iteration on."""

import numpy as np

from rose_mpi.engine import Engine
from rose_mpi.uq.uq_active_learner import SeqUQLearner

CERTAIN, UNDECIDED = (0.98, 0.01, 0.01), (0.4, 0.39, 0.21)
PREDICTION = np.array([UNDECIDED if candidate in (1, 4, 6) else CERTAIN for candidate in range(8)])

engine = Engine()
learner = SeqUQLearner(engine)


@learner.simulation_task
def simulation(*args):
    return "true"


@learner.training_task(as_executable=False)
def training(*args):
    return 0


@learner.prediction_task(as_executable=False)
def prediction(*args):
    return PREDICTION


learner.uncertainty_quantification(uq_metric_name="margin", query_size=1)


@learner.active_learn_task
def active_learn(*args):
    return "true"


@learner.as_stop_criterion(metric_name="model_accuracy", threshold=0.9, as_executable=False)
def check(*args, **kwargs):
    return 0.95 if kwargs["--model_name"] == "good" else 0.5


learner.teach(model_names=["poor", "good", "bad"], max_iter=3)
engine.shutdown()
