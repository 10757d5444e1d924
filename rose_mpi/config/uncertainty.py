"""From the tables of an uncertainty to what a learner chooses by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rose_mpi.config import scripts
from rose_mpi.config.choices import ChoiceBuilder, array_file
from rose_mpi.config.faults import FaultList
from rose_mpi.config.layers import Layers
from rose_mpi.config.values import REFERENCE
from rose_mpi.learners.spec import Uncertainty
from rose_mpi.nearest import suggested
from rose_mpi.uq.registry import METRICS, RANDOM, TASK_TYPES, Metric


@dataclass(frozen=True, slots=True)
class UncertaintyBuilder:
    """Makes the uncertainty of a learner.

    Attributes
    ----------
    root:
        Folder of the configuration.
    faults:
        Takes what is wrong.
    """

    root: Path
    faults: FaultList

    def build(self, layers: Layers, has_task: bool) -> Uncertainty | None:
        """The uncertainty that the tables describe; ``has_task``: a task of the user's own measures it."""
        for key in ("metric",) if has_task else ("metric", "query_size"):
            if not layers.states(key):
                self.faults.add(layers.path(key), "is missing: a learner of kind 'uq' needs it")
        name: str = layers.get("metric", "")
        if has_task:
            return self._measured_by_task(layers, name)
        if ":" in name:
            return self._measured_by_function(layers, name)
        if name not in METRICS:
            message = f"no metric is called {name!r}{suggested(name, METRICS)}"
            self.faults.add(layers.path("metric"), message)
            return None
        metric = METRICS[name]
        return Uncertainty(
            metric=name,
            task_type=self._task_type(layers, metric),
            query_size=layers.get("query_size", 1),
            threshold=self._uncertainty_threshold(layers, metric),
            targets=self._targets(layers, metric),
            changing_pool=layers.get("pool") == "changing",
            **asdict(ChoiceBuilder(self.root, self.faults).build(layers, metric)),
        )

    def _measured_by_task(self, layers: Layers, metric: str) -> Uncertainty:
        """The user's own task scores and chooses; any name will do for what it measures."""
        for key in ("task_type", "targets", "pool", "batch", "features", "parameters"):
            if layers.states(key):
                message = "has no effect: the uncertainty task scores and chooses by itself"
                self.faults.add(layers.path(key), message)
        size = layers.get("query_size")
        if isinstance(size, float):
            message = "must be a whole number here: rose-mpi does not see the pool of an uncertainty task"
            self.faults.add(layers.path("query_size"), message)
        return Uncertainty(metric, "", size or 0, layers.get("threshold"))

    def _measured_by_function(self, layers: Layers, reference: str) -> Uncertainty:
        """A metric of the user's own, which every rank calls on its share of the candidates."""
        if not REFERENCE.fullmatch(reference):
            self.faults.add(layers.path("metric"), f'must be "module:function", not {reference!r}')
        else:
            for message in scripts.function_faults(reference, self.root):
                self.faults.add(layers.path("metric"), message)
        if not layers.states("task_type"):
            message = f"is missing: it must say what predictions {reference!r} is for"
            self.faults.add(layers.path("task_type"), message)
        return Uncertainty(
            metric=reference,
            task_type=layers.get("task_type", ""),
            query_size=layers.get("query_size", 1),
            threshold=layers.get("threshold"),
            targets=self._targets_file(layers) if layers.states("targets") else None,
            changing_pool=layers.get("pool") == "changing",
            **asdict(ChoiceBuilder(self.root, self.faults).build(layers, Metric(reference, TASK_TYPES))),
        )

    def _task_type(self, layers: Layers, metric: Metric) -> str:
        stated: str | None = layers.get("task_type")
        if stated is not None:
            if stated not in metric.task_types:
                fitting = " or ".join(map(repr, metric.task_types))
                message = f"{metric.name!r} is for {fitting}, not for {stated!r}"
                self.faults.add(layers.path("task_type"), message)
            return stated
        default = METRICS.get(layers.default.get("metric") or "")
        candidates = [m for m in (metric, default) if m is not None and len(m.task_types) == 1]
        if not candidates:
            choices = " or ".join(map(repr, metric.task_types))
            message = f"is missing: {metric.name!r} fits {choices} predictions"
            self.faults.add(layers.path("task_type"), message)
            return metric.task_types[0]
        return candidates[0].task_types[0]

    def _uncertainty_threshold(self, layers: Layers, metric: Metric) -> float | None:
        """The threshold; random scores say nothing of certainty, so they do not inherit one."""
        if metric.name != RANDOM:
            threshold: float | None = layers.get("threshold")
            return threshold
        stated = next(
            (layer for layer in (layers.own, layers.default) if layer.states("metric")), layers.default
        )
        if stated.states("threshold"):
            self.faults.add((*stated.path, "threshold"), "has no effect on the metric 'random'")
        return None

    def _targets(self, layers: Layers, metric: Metric) -> str | None:
        if not layers.states("targets"):
            if not metric.needs_targets:
                return None
            message = f"is missing: {metric.name!r} compares with true values, a .npy file"
            self.faults.add(layers.path("targets"), message)
            return None
        return self._targets_file(layers)

    def _targets_file(self, layers: Layers) -> str:
        return array_file(layers, "targets", self.root, self.faults)
