"""Tells the trackers of a learner what happens."""

from __future__ import annotations

import inspect
import logging
import threading
from typing import Any, Final

from rose_mpi.errors import UsageError
from rose_mpi.iteration import IterationState
from rose_mpi.trackers.manifest import PipelineManifest

_CALLS: Final = ("on_start", "on_iteration", "on_stop", "on_state_update")

logger = logging.getLogger(__name__)


class Trackers:
    """The trackers of one learner.

    Any thread may tell them; they are called one at a time, in the order they were added. One that raises
    is logged, with its traceback, and not called again; the run goes on.
    """

    def __init__(self) -> None:
        self._trackers: list[object] = []
        self._lock = threading.RLock()

    def add(self, tracker: object, manifest: PipelineManifest) -> None:
        """Take a tracker and tell it of its learner.

        Raises
        ------
        UsageError
            If it could never be called: it is a class, has none of the methods, or an ``async`` one.
        """
        _check(tracker)
        with self._lock:
            self._trackers.append(tracker)
            self._call(tracker, "on_start", manifest)

    def iteration(self, state: IterationState) -> None:
        """Tell them that an iteration ended."""
        self._tell("on_iteration", state)

    def stop(self, state: IterationState | None, reason: str) -> None:
        """Tell them that the learner stopped, with its last state if it has one."""
        self._tell("on_stop", state, reason)

    def state_update(self, key: str, value: Any) -> None:
        """Tell them that a task registered a value."""
        self._tell("on_state_update", key, value)

    def _tell(self, method: str, *arguments: Any) -> None:
        with self._lock:
            for tracker in tuple(self._trackers):
                self._call(tracker, method, *arguments)

    def _call(self, tracker: object, method: str, *arguments: Any) -> None:
        try:
            call = getattr(tracker, method, None)
            if call is not None:
                call(*arguments)
        except Exception:
            self._trackers = [other for other in self._trackers if other is not tracker]
            logger.exception(
                "%s failed in %s and is not called again; the run goes on", type(tracker).__name__, method
            )


def _check(tracker: object) -> None:
    if isinstance(tracker, type):
        raise UsageError(f"add_tracker needs an object, not the class {tracker.__name__}: create it first")
    methods = {name: getattr(tracker, name) for name in _CALLS if hasattr(tracker, name)}
    if not methods:
        raise UsageError(f"{type(tracker).__name__} is no tracker: it has none of {', '.join(_CALLS)}")
    for name, method in methods.items():
        if inspect.iscoroutinefunction(method):
            raise UsageError(f"{type(tracker).__name__}.{name} is async and would never run: make it a def")
