"""Writes down a run with MLflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from rose_mpi.iteration import IterationState
from rose_mpi.trackers.base import TrackerBase
from rose_mpi.trackers.manifest import PipelineManifest
from rose_mpi.trackers.numbers import parameters, prefix, scalars
from rose_mpi.trackers.optional import library

_LONGEST_NAME: Final = 250
_LARGEST_BATCH: Final = {"metrics": 1000, "params": 100, "tags": 100}


class MLflowTracker(TrackerBase):
    """An MLflow run: parameters at the start, metrics of each iteration, tags at the end.

    The run belongs to the tracker alone and never is MLflow's active one, which each thread has its own of.
    So several trackers do not disturb each other; to add to the run, name it:
    ``mlflow.log_artifact(path, run_id=tracker.run_id)``.

    Parameters
    ----------
    experiment_name:
        It is made if there is none.
    run_name:
        MLflow invents one without it.

    Attributes
    ----------
    run_id:
        MLflow's name of the run; ``None`` before it began.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    """

    def __init__(self, experiment_name: str, run_name: str | None = None) -> None:
        self._mlflow = library("mlflow", "mlflow")
        self._experiment_name = experiment_name
        self._run_name = run_name
        self._client: Any = None
        self.run_id: str | None = None

    def on_start(self, manifest: PipelineManifest) -> None:
        """Begin the run and write the learner's parameters."""
        experiment = self._mlflow.set_experiment(self._experiment_name)
        self._client = self._mlflow.MlflowClient()
        self.run_id = self._client.create_run(experiment.experiment_id, run_name=self._run_name).info.run_id
        make = self._mlflow.entities.Param
        self._log("params", (make(_name(k), str(v)) for k, v in parameters(manifest, ".").items()))

    def on_iteration(self, state: IterationState) -> None:
        """Write the iteration's numbers, as of its end."""
        make = self._mlflow.entities.Metric
        when = int(state.finished * 1000)
        start = prefix(state)
        self._log(
            "metrics",
            (
                make(_name(start + name), value, when, state.iteration)
                for name, value in scalars(state).items()
            ),
        )

    def on_stop(self, final_state: IterationState | None, reason: str) -> None:
        """Write why the learner stopped and its last iteration, and end the run."""
        tags = {"stop_reason": reason}
        if final_state is not None:
            tags["final_iteration"] = str(final_state.iteration)
        self._log("tags", (self._mlflow.entities.RunTag(*tag) for tag in tags.items()))
        self._client.set_terminated(self.run_id, "FAILED" if reason == "error" else "FINISHED")

    def _log(self, what: str, entries: Iterator[Any]) -> None:
        """Write entries in batches that any MLflow server takes."""
        while batch := list(islice(entries, _LARGEST_BATCH[what])):
            self._client.log_batch(self.run_id, **{what: batch})


def _name(text: str) -> str:
    """The nearest name that MLflow takes: a relative path of letters, digits and ``_-.: ``."""
    parts = re.sub(r"[^\w.\-: /]", "_", text).split("/")
    return "/".join(part for part in parts if part not in {"", ".", ".."})[:_LONGEST_NAME].rstrip("/") or "_"
