"""How many failed attempts a learner and a run may have."""

from __future__ import annotations

from collections import Counter

from rose_mpi.tasks import TaskResult, TaskStatus


class FailureLimits:
    """Counts failed attempts, repeated and passed over ones too.

    Parameters
    ----------
    run, learner:
        With so many a run, or a learner, is to end; ``None``: any number is allowed.
    """

    def __init__(self, run: int | None, learner: int | None) -> None:
        self._run = run
        self._learner = learner
        self._failures: Counter[str] = Counter()

    def note(self, result: TaskResult) -> bool:
        """An attempt ended; whether its learner, or the run, has reached its limit with it."""
        if result.status not in (TaskStatus.FAILED, TaskStatus.TIMEOUT):
            return False
        self._failures[result.id.learner] += 1
        return self.reached(result.id.learner) != ""

    def reached(self, learner: str) -> str:
        """Why a learner may run nothing more; empty if it may."""
        if self._run is not None and self._failures.total() >= self._run:
            return f"{self._failures.total()} attempts of the run's tasks failed: max_failures = {self._run}"
        if self._learner is not None and self._failures[learner] >= self._learner:
            return (
                f"{self._failures[learner]} attempts of learner {learner!r} failed: "
                f"max_failures_per_learner = {self._learner}"
            )
        return ""
