"""The functions that a rank was given: one runs, the others wait for their turn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from rose_mpi.execution.waiting import LATE_SECONDS
from rose_mpi.mpi.calling import Caller
from rose_mpi.mpi.callrunner import CallRunner
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import RunTask, TaskEnded
from rose_mpi.mpi.outcomes import ORPHANED, Outcomes
from rose_mpi.mpi.progress import Progress
from rose_mpi.scheduling.rebuilding import Held
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

TELL_SECONDS: Final = 2e-3
"""How long results may gather while further functions wait."""


@dataclass(slots=True, eq=False)
class _Given:
    leader: int
    order: RunTask
    epoch: int


class FunctionQueue:
    """Runs functions in the order of their arrival, and gives back those that would wait for long.

    What waits belongs to the thread that takes it out first: the serving one, to run it, or the engine's.
    """

    def __init__(
        self,
        caller: Caller,
        channel: Channel,
        runner: CallRunner,
        progress: Progress,
        outcomes: Outcomes,
    ) -> None:
        self._caller = caller
        self._channel = channel
        self._outcomes = outcomes
        self._runner = runner
        self._progress = progress
        self._waiting: dict[TaskId, _Given] = {}
        self._ended: deque[tuple[_Given, TaskResult]] = deque()
        self._begun = 0
        self._runs: _Given | None = None
        self._orphan: _Given | None = None
        self._told = 0.0
        self._watched = False

    def add(self, leader: int, order: RunTask) -> None:
        """Run a function behind those that wait."""
        task = order.call.id
        self._waiting[task] = _Given(leader, order, self._channel.epoch)
        self._runner.submit(lambda: self._run(task))
        if not self._watched:
            self._watch()

    def cancel(self, task: TaskId) -> None:
        """Forget a function if it has not begun; otherwise it goes on to its end."""
        given = self._waiting.pop(task, None)
        if given:
            result = self._caller.unrun(given.order, TaskStatus.CANCELLED, "cancelled before it began")
            self._channel.send(given.leader, TaskEnded((result,)))

    def orphan(self) -> list[Held]:
        """Forget what has not begun; returns what runs, for a leader that may adopt it."""
        self._waiting.clear()
        runs = self._runs
        if runs is None or runs in self._tell():
            return []
        self._orphan = runs
        return [Held(runs.order.call.id, runs.order.attempt, runs.order.queued, running=True)]

    def adopt(self, leader: int, attempts: Collection[tuple[TaskId, int]]) -> set[tuple[TaskId, int]]:
        """Report the function that runs since before to its new leader, if it has one; returns it then."""
        runs, self._orphan = self._orphan, None
        if runs is None or (runs.order.call.id, runs.order.attempt) not in attempts:
            return set()
        runs.leader, runs.epoch = leader, self._channel.epoch
        return {(runs.order.call.id, runs.order.attempt)}

    def _run(self, task: TaskId) -> None:
        """Run a function that is still here, on the serving thread."""
        given = self._waiting.pop(task, None)
        if given is None:
            return
        self._begun += 1
        self._runs = given
        self._ended.append((given, self._caller.call(given.order)))
        self._runs = None
        now = time.perf_counter()
        if not self._waiting or now - self._told > TELL_SECONDS:
            self._told = now
            self._progress.post(self._report)

    def _report(self) -> None:
        self._tell()

    def _tell(self) -> list[_Given]:
        """Tell what has ended; returns that."""
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        epoch = self._channel.epoch
        self._outcomes.tell(
            (given.leader if given.epoch == epoch else ORPHANED, result) for given, result in ended
        )
        return [given for given, _ in ended]

    def _watch(self) -> None:
        begun = self._begun
        self._watched = True
        self._progress.later(LATE_SECONDS, lambda: self._look(begun))

    def _look(self, begun: int) -> None:
        """Give back what waits behind a function that lasts; one stays where none has begun yet."""
        self._watched = False
        self._tell()
        if self._begun == begun:
            self._give_back([*self._waiting][0 if self._runs else 1 :])
        if self._waiting:
            self._watch()

    def _give_back(self, tasks: list[TaskId]) -> None:
        taken = [(self._waiting.pop(task, None), task) for task in tasks]
        self._outcomes.give_back((given.leader, task) for given, task in taken if given)
