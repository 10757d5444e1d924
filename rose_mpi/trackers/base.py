"""What a tracker may do."""

from __future__ import annotations

from typing import Any

from rose_mpi.iteration import IterationState
from rose_mpi.trackers.manifest import PipelineManifest


class TrackerBase:
    """Observes a learner; each method does nothing until it is overridden.

    A tracker need not derive from it: any object with one of these methods will do. They are called one
    at a time, though perhaps from different threads, and the learner waits for them.
    """

    def on_start(self, manifest: PipelineManifest) -> None:
        """The tracker was added to a learner, whose tasks are known by now."""

    def on_iteration(self, state: IterationState) -> None:
        """An iteration ended; the user's loop sees its state after this."""

    def on_stop(self, final_state: IterationState | None, reason: str) -> None:
        """The learner stopped.

        Parameters
        ----------
        final_state:
            The last iteration's; ``None`` where there was none.
        reason:
            ``criterion_met``, ``max_iter_reached``, ``stopped``, ``walltime`` or ``error``.
        """

    def on_state_update(self, key: str, value: Any) -> None:
        """A task of the iteration under way registered a value."""
