"""Writes down a run for TensorBoard.

With tensorboardX, which needs NumPy and protobuf only; the writers of ``tensorboard`` and ``torch`` bring a
web server or a framework along.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rose_mpi.iteration import IterationState
from rose_mpi.trackers.base import TrackerBase
from rose_mpi.trackers.manifest import PipelineManifest
from rose_mpi.trackers.numbers import parameters, prefix, scalars
from rose_mpi.trackers.optional import library


class TensorBoardTracker(TrackerBase):
    """Event files for TensorBoard: parameters and the end as text, scalars of each iteration.

    Parameters
    ----------
    log_dir:
        Folder of the event files, one per run.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self._library = library("tensorboardX", "tensorboard")
        self._log_dir = Path(log_dir).absolute()
        self._writer: Any = None

    def on_start(self, manifest: PipelineManifest) -> None:
        """Begin the events and write the learner's parameters."""
        self._writer = self._library.SummaryWriter(str(self._log_dir), flush_secs=1)
        rows = (f"| {name} | {value} |" for name, value in parameters(manifest, ".").items())
        self._writer.add_text("parameters", "\n".join(("| parameter | value |", "|---|---|", *rows)))

    def on_iteration(self, state: IterationState) -> None:
        """Write the iteration's numbers, as of its end."""
        start = prefix(state)
        for name, value in scalars(state).items():
            self._writer.add_scalar(start + name, value, state.iteration, walltime=state.finished)

    def on_stop(self, final_state: IterationState | None, reason: str) -> None:
        """Write why the learner stopped at its last iteration, and close the events."""
        self._writer.add_text("stop_reason", reason, None if final_state is None else final_state.iteration)
        self._writer.close()
