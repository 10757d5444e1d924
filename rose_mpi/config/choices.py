"""From the tables of an uncertainty to how the chosen candidates are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rose_mpi.config import scripts
from rose_mpi.config.faults import FaultList
from rose_mpi.config.layers import Layers
from rose_mpi.errors import UsageError
from rose_mpi.uq.batches import BATCHES, TOP, Batch, check_choice, check_pair
from rose_mpi.uq.registry import Metric


@dataclass(frozen=True, slots=True)
class Choice:
    """Fields of an uncertainty that say how candidates are chosen by their scores."""

    batch: str
    parameters: Mapping[str, float | str]
    features: str | None


@dataclass(frozen=True, slots=True)
class ChoiceBuilder:
    """Makes the choice of a learner.

    Attributes
    ----------
    root:
        Folder of the configuration.
    faults:
        Takes what is wrong.
    """

    root: Path
    faults: FaultList

    def build(self, layers: Layers, metric: Metric) -> Choice:
        """The choice that the tables describe."""
        batch = BATCHES[layers.get("batch", TOP)]
        features = self._features(layers, batch)
        try:
            check_pair(metric, batch)
        except UsageError as error:
            self.faults.add(layers.path("batch"), str(error))
            return Choice(TOP, {}, features)
        return Choice(batch.name, self._parameters(layers, metric, batch), features)

    def _parameters(self, layers: Layers, metric: Metric, batch: Batch) -> dict[str, float | str]:
        """The learner's own over the defaults, of which those for another metric or batch are left out."""
        known = {**metric.parameters, **batch.parameters}
        inherited: Mapping[str, float | str] = layers.default.get("parameters") or {}
        if layers.own.states("metric") or layers.own.states("batch"):
            inherited = {name: value for name, value in inherited.items() if name in known}
        given = {**inherited, **(layers.own.get("parameters") or {})}
        try:
            check_choice(metric, batch.name, given)
        except UsageError as error:
            self.faults.add(layers.path("parameters"), str(error))
        return given

    def _features(self, layers: Layers, batch: Batch) -> str | None:
        if not batch.needs_features:
            if layers.own.states("features"):
                message = f"has no effect on the batch {batch.name!r}"
                self.faults.add(layers.path("features"), message)
            return None
        if not layers.states("features"):
            message = f"is missing: batch {batch.name!r} goes by them, a .npy file [candidates, features]"
            self.faults.add(layers.path("features"), message)
            return None
        return array_file(layers, "features", self.root, self.faults)


def array_file(layers: Layers, key: str, root: Path, faults: FaultList) -> str:
    """The path of a ``.npy`` file beside the configuration."""
    name: str = layers.get(key)
    if not name.endswith(".npy"):
        faults.add(layers.path(key), f"must be a .npy file, not {name!r}")
    for message in scripts.file_faults(name, root):
        faults.add(layers.path(key), message)
    return str(root / name)
