"""A learner as its trackers see it."""

import math
from types import SimpleNamespace

import numpy as np

from rose_mpi.iteration import IterationState
from rose_mpi.trackers import CriterionManifest, PipelineManifest, TaskManifest

MANIFEST = PipelineManifest(
    "SequentialActiveLearner",
    {"training": TaskManifest("train", "surrogate", True, {"ranks": 2}, {"kernel": "rbf"})},
    CriterionManifest("check", "surrogate", True, metric_name="mse", threshold=0.1, operator="<"),
    parallel_count=2,
)


class Config:
    def get_task_config(self, task, iteration):
        if task != "training":
            return None
        return SimpleNamespace(
            kwargs={"--learning_rate": str(0.5**iteration), "batch": 32, "--kernel": "rbf", "--fast": True}
        )


def state(iteration=1, **fields):
    given = {
        "learner": "forrester",
        "started": 100.0,
        "finished": 100.25,
        "metric": 0.5,
        "metric_name": "mse",
        "metric_threshold": 0.1,
        "state": {"loss": np.float32(0.25), "labelled": 20, "note": "3", "curve": np.arange(3.0)},
        "current_config": Config(),
    }
    return IterationState(iteration=iteration, **{**given, **fields})


UNHEARD = {
    "nan": math.nan,
    "infinite": -math.inf,
    "huge": 10**400,
    "text": "1.0",
    "none": None,
    "array": np.ones(1),
    "complex": 1j,
}
HEARD = {
    "np_float": np.float32(0.5),
    "np_int": np.int64(2),
    "np_bool": np.bool_(True),
    "zero_d": np.array(3),
    "bool": True,
}
