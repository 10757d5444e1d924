"""Failed tasks that are repeated, after a while that grows with each failure."""

from __future__ import annotations

from typing import Final

from rose_mpi.scheduling.running import Running
from rose_mpi.scheduling.turns import Waiting
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

LONGEST_DELAY: Final = 60.0
"""No repetition waits for longer, in seconds."""


class Retries:
    """Tasks whose next attempt is not to begin yet.

    Parameters
    ----------
    delay:
        Seconds before the first repetition; twice as many before each further one.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._delayed: dict[TaskId, Waiting] = {}

    @property
    def any_delayed(self) -> bool:
        """Whether an attempt is to begin later."""
        return bool(self._delayed)

    def after(self, running: Running, result: TaskResult, now: float) -> Waiting | None:
        """The attempt that follows one which ended so; ``None`` for none."""
        failed = result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT)
        again = failed and not running.cancelled and running.task.attempt < running.task.call.work.retries
        return Waiting(running.task.call, running.task.attempt + 1, now) if again else None

    def delay(self, waiting: Waiting) -> float:
        """Keep an attempt back; returns for how many seconds, 0 if it is not kept."""
        seconds = min(LONGEST_DELAY, self._delay * 2.0 ** min(waiting.attempt - 1, 100))
        if seconds:
            self._delayed[waiting.call.id] = waiting
        return seconds

    def take(self, task: TaskId) -> Waiting | None:
        """The attempt of a task that was kept back, no longer kept; ``None`` if there is none."""
        return self._delayed.pop(task, None)
