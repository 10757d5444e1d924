"""Tasks of several ranks: prepare, ready from all of them, go.

A function is called on all of them. A command is started by the lowest, and the others are left alone until
it has ended.

Nobody enters the creation of the communicator before all are there. No two ranks ever wait for each other's
collectives: a leader uses its own ranks only, tells them of tasks and scorings in one order, and none of them
leaves before its task has ended; see also :mod:`rose_mpi.mpi.scoring`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from msgspec.structs import replace

from rose_mpi.execution.launcher import Place
from rose_mpi.mpi.callrunner import CallRunner, Gate
from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.communicators import BrokenGroupError, Communicators
from rose_mpi.mpi.messages import DropArrays, KillTask, RunTask, TaskReport
from rose_mpi.mpi.wide_messages import PartEnded, PrepareTask, TaskGo, TaskReady
from rose_mpi.mpi.worker import Worker
from rose_mpi.scheduling.instructions import RunTogether
from rose_mpi.tasks import RankArray, Task, TaskId, TaskResult, TaskStatus

STUCK_SECONDS: Final = 5.0
"""How long the other ranks may take to come back when a function has failed on one."""


@dataclass(slots=True)
class _Wide:
    order: RunTogether
    cancelled: bool = False
    ready: dict[int, Place] = field(default_factory=dict)
    ended: dict[int, TaskResult] = field(default_factory=dict)
    watched: bool = False


class WideLead:
    """The leader's side.

    Parameters
    ----------
    done:
        Called with the result of an attempt when all its ranks have come back.
    """

    def __init__(
        self,
        channel: Channel,
        later: Callable[[float, Callable[[], None]], None],
        done: Callable[[TaskResult], None],
    ) -> None:
        self._channel = channel
        self._later = later
        self._done = done
        self._numbers = itertools.count()
        self._wide: dict[int, _Wide] = {}

    def start(self, order: RunTogether) -> None:
        """Have ranks come to an attempt of a task."""
        number = next(self._numbers)
        self._wide[number] = _Wide(order)
        for rank in order.ranks:
            message = PrepareTask(
                number, order.call, order.attempt, order.queued, order.ranks, self._channel.epoch
            )
            self._channel.send(rank, message)

    def reset(self) -> None:
        """Forget all of them: ranks were lost, and they begin again."""
        self._wide.clear()

    def cancel(self, task: TaskId) -> bool:
        """Turn the ranks away if they have not begun; whether the task is one of those led here."""
        for wide in self._wide.values():
            if wide.order.call.id == task:
                wide.cancelled = True
                return True
        return False

    def ready(self, rank: int, message: TaskReady) -> None:
        """A rank is there; when all are, they begin."""
        wide = self._wide[message.number]
        wide.ready[rank] = message.place
        if len(wide.ready) < len(wide.order.ranks):
            return
        if isinstance(wide.order.call.work, Task):
            del self._wide[message.number]
            self._launch(wide)
            return
        for member in wide.order.ranks:
            self._channel.send(member, TaskGo(message.number, go=not wide.cancelled))

    def ended(self, rank: int, message: PartEnded) -> None:
        """A rank has come back; when one has failed, the others are not waited for without end."""
        wide = self._wide.get(message.number)
        if wide is None:
            return
        wide.ended[rank] = message.result
        if len(wide.ended) == len(wide.order.ranks):
            self._end(message.number, wide)
        elif not message.result.done and not wide.watched:
            wide.watched = True
            self._later(STUCK_SECONDS, partial(self._overdue, message.number))

    def _launch(self, wide: _Wide) -> None:
        """Have the lowest rank start a command; from now on it is a task of that rank."""
        order, lowest = wide.order, wide.order.ranks[0]
        places = tuple(wide.ready[rank] for rank in order.ranks)
        run = RunTask(order.call, order.attempt, order.queued, keep=True, places=places)
        self._channel.send(lowest, run)
        if wide.cancelled:
            self._channel.send(lowest, KillTask(order.call.id, order.attempt))

    def _end(self, number: int, wide: _Wide) -> None:
        del self._wide[number]
        lowest, result = wide.order.ranks[0], _together(wide.order, wide.ended)
        kept = wide.ended[lowest].value
        if isinstance(kept, RankArray) and not result.done:
            self._channel.send(lowest, DropArrays((kept.key,)))
        self._done(result)

    def _overdue(self, number: int) -> None:
        """Ranks hang, perhaps waiting for one that has failed: nothing but the end of the job frees them."""
        wide = self._wide.pop(number, None)
        if wide is None:
            return
        missing = ", ".join(str(rank) for rank in wide.order.ranks if rank not in wide.ended)
        result = _together(wide.order, wide.ended)
        error = (
            f"{result.error}\nand of the ranks that run it together {missing} did not come back within "
            f"{STUCK_SECONDS:.0f} s: they may wait for the one that failed, so the job ends"
        )
        failed = replace(result, error=error)
        self._channel.send(COORDINATOR, TaskReport((failed,), final=True, stuck=True))


class WideMember:
    """A rank's side: waits for the others, and calls the function with their communicator.

    Parameters
    ----------
    communicators:
        Makes those of the members.
    """

    def __init__(
        self,
        channel: Channel,
        runner: CallRunner,
        post: Callable[[Callable[[], None]], None],
        communicators: Communicators,
        worker: Worker,
    ) -> None:
        self._channel = channel
        self._runner = runner
        self._post = post
        self._communicators = communicators
        self._worker = worker
        self._gates: dict[tuple[int, int], Gate] = {}

    def prepare(self, leader: int, message: PrepareTask) -> None:
        """Come to a function when what was asked of this rank before is done; to a command at once."""
        if isinstance(message.call.work, Task):
            self._channel.send(leader, TaskReady(message.number, self._worker.place))
            return
        gate = self._gates[leader, message.number] = Gate()
        self._runner.submit(lambda: self._run(leader, message, gate))

    def go(self, leader: int, message: TaskGo) -> None:
        """Begin, or leave it be."""
        self._gates.pop((leader, message.number)).open(message.go)

    def turn_away(self) -> None:
        """Let nobody wait for a task that will not begin: ranks were lost."""
        for gate in self._gates.values():
            gate.open(False)
        self._gates.clear()

    def _run(self, leader: int, message: PrepareTask, gate: Gate) -> None:
        order = RunTask(message.call, message.attempt, message.queued, keep=True)
        self._reply(leader, message, TaskReady(message.number, self._worker.place))
        if not gate.wait():
            unrun = self._worker.caller.unrun(order, TaskStatus.CANCELLED, "cancelled before it began")
            self._reply(leader, message, PartEnded(message.number, unrun))
            return
        with (
            suppress(BrokenGroupError),
            self._communicators.of(message.ranks, message.number) as comm,
        ):
            result = self._worker.caller.call(order, comm)
            self._communicators.refuse_broken(comm)
            self._reply(leader, message, PartEnded(message.number, result))  # before what waits for others

    def _reply(self, leader: int, order: PrepareTask, message: TaskReady | PartEnded) -> None:
        def send() -> None:
            if order.epoch == self._channel.epoch:
                self._channel.send(leader, message)

        self._post(send)


def _together(order: RunTogether, ended: Mapping[int, TaskResult]) -> TaskResult:
    """What the parts come to: the lowest rank's result, or the first failure."""
    failed = [result for result in ended.values() if not result.done]
    told = failed[0] if failed else ended[order.ranks[0]]
    more = f"\n(and {len(failed) - 1} more of the ranks that run it together)" if len(failed) > 1 else ""
    parts = ended.values()
    return replace(
        told,
        started=min(part.started for part in parts),
        finished=max(part.finished for part in parts),
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        max_rss=max(part.max_rss for part in parts),
        error=told.error + more,
    )
