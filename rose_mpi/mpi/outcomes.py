"""What came of a rank's attempts, on the way to the leaders that asked for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import TaskEnded, TasksReturned
from rose_mpi.scheduling.rebuilding import Held
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

REMEMBERED: Final = 500
"""So many results are kept in case the leaders that they were sent to are lost with them."""

ORPHANED: Final = -1
"""The leader of an attempt whose leader is lost, until another one adopts it."""

UNWANTED: Final = -2
"""The leader of an attempt that nobody has adopted."""


class Outcomes:
    """Tells leaders what came of the attempts that they ordered, and remembers it for a while."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._recent: deque[TaskResult] = deque(maxlen=REMEMBERED)

    def tell(self, ended: Iterable[tuple[int, TaskResult]]) -> None:
        """Tell each leader its results, with the next flush."""
        told: dict[int, list[TaskResult]] = {}
        for leader, result in ended:
            told.setdefault(leader, []).append(result)
        for leader, results in told.items():
            self._recent.extend(each for each in results if each.status is not TaskStatus.CANCELLED)
            if leader not in (ORPHANED, UNWANTED):
                self._channel.send(leader, TaskEnded(tuple(results)))

    def give_back(self, unbegun: Iterable[tuple[int, TaskId]]) -> None:
        """Return to each leader what has not begun here, with the next flush."""
        returned: dict[int, list[TaskId]] = {}
        for leader, task in unbegun:
            returned.setdefault(leader, []).append(task)
        for leader, tasks in returned.items():
            self._channel.send(leader, TasksReturned(tuple(tasks)))

    def held(self) -> list[Held]:
        """What is remembered."""
        return [Held(result.id, result.attempt, result.queued, running=False) for result in self._recent]

    def tell_again(self, leader: int, attempts: Iterable[tuple[TaskId, int]]) -> set[tuple[TaskId, int]]:
        """Tell a new leader what it adopted of that; returns the attempts that it was told of."""
        adopted = set(attempts)
        results = {(result.id, result.attempt): result for result in self._recent}
        told = {attempt: result for attempt, result in results.items() if attempt in adopted}
        if told:
            self._channel.send(leader, TaskEnded(tuple(told.values())))
        return set(told)
