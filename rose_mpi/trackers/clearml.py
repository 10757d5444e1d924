"""Writes down a run with ClearML."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rose_mpi.errors import UsageError
from rose_mpi.iteration import IterationState
from rose_mpi.trackers.base import TrackerBase
from rose_mpi.trackers.manifest import PipelineManifest
from rose_mpi.trackers.numbers import parameters, scalars
from rose_mpi.trackers.optional import library


class ClearMLTracker(TrackerBase):
    """A ClearML task: parameters at the start, scalars of each iteration, tags at the end.

    Parallel learners are the series of one plot. A new task is begun each time. It has these numbers only:
    ClearML's own capture of arguments, frameworks, output and load is off. ClearML knows one task at a time
    in a process, so the next tracker's learner must start after the last one's stopped.

    Parameters
    ----------
    project_name:
        It is made if there is none.
    task_name:
        ClearML takes the script's name without it.

    Raises
    ------
    ImportError
        If ClearML is not installed.
    """

    def __init__(self, project_name: str, task_name: str | None = None) -> None:
        self._clearml = library("clearml", "clearml")
        self._project_name = project_name
        self._task_name = task_name
        self._task: Any = None

    def on_start(self, manifest: PipelineManifest) -> None:
        """Begin the task and write the learner's parameters."""
        # Else ClearML forks this rank, and each report may wait seconds for that process.
        self._clearml.Task._report_subprocess_enabled = False
        with _own_endings():
            self._task = self._clearml.Task.init(
                project_name=self._project_name,
                task_name=self._task_name,
                reuse_last_task_id=False,
                auto_connect_arg_parser=False,
                auto_connect_frameworks=False,
                auto_resource_monitoring=False,
                auto_connect_streams=False,
            )
        self._task.connect(parameters(manifest, "/"))

    def on_iteration(self, state: IterationState) -> None:
        """Write the iteration's numbers, one plot each."""
        report = self._open_task().get_logger().report_scalar
        series = "value" if state.learner_id is None else str(state.learner_id)
        for name, value in scalars(state).items():
            report(title=name, series=series, value=value, iteration=state.iteration)

    def on_stop(self, final_state: IterationState | None, reason: str) -> None:
        """Write why the learner stopped and its last iteration, and end the task."""
        task = self._open_task()
        task.add_tags([f"stop:{reason}"])
        if final_state is not None:
            task.add_tags([f"final_iter:{final_state.iteration}"])
        with _own_endings():
            task.close()
        self._task = None

    def _open_task(self) -> Any:
        if self._task is None:
            raise UsageError(
                "the ClearML task ended with its learner: add a new ClearMLTracker for another run"
            )
        return self._task


@contextmanager
def _own_endings() -> Iterator[None]:
    """Keep the run's handlers of signals and exceptions, which ClearML replaces."""
    hook = sys.excepthook
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        sys.excepthook = hook
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
