"""What of a node is a rank's, and whether that is enough for a task."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.execution.gpus import Gpus
from rose_mpi.tasks import Task


@dataclass(frozen=True, slots=True)
class Share:
    """Cores and GPUs that a rank's tasks may use."""

    cpus: frozenset[int]
    gpus: Gpus = Gpus()  # noqa: RUF009  (it is frozen)

    def shortage(self, task: Task) -> str:
        """What a task asks for and does not get here; empty if nothing."""
        cores, gpus = task.cores_per_rank or 0, task.gpus_per_rank
        if self.cpus and cores > len(self.cpus):
            return f"needs cores_per_rank = {cores}, but the rank has {len(self.cpus)}"
        if gpus > len(self.gpus.names):
            return f"needs gpus_per_rank = {gpus}, but the rank has {len(self.gpus.names)}"
        return ""
