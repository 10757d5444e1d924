"""Runs a rank's tasks: processes through its helper process, functions on its serving thread."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Set
from dataclasses import dataclass

from rose_mpi.errors import TaskError
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.executable import spawn_of, warm_start_of
from rose_mpi.execution.gpus import GpuPool
from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.isolated.call import IsolatedCall, warm_start_for_functions
from rose_mpi.execution.launcher import Place, sessions_of
from rose_mpi.execution.result import result_of
from rose_mpi.execution.spawned import Spawn
from rose_mpi.mpi.calling import Caller
from rose_mpi.mpi.callrunner import CallRunner
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.function_queue import FunctionQueue
from rose_mpi.mpi.loss_messages import Adopt, KeepArrays, TellAgain
from rose_mpi.mpi.messages import DropArrays, KillTask, RunTask
from rose_mpi.mpi.outcomes import ORPHANED, UNWANTED, Outcomes
from rose_mpi.mpi.progress import Progress
from rose_mpi.scheduling.rebuilding import Held
from rose_mpi.tasks import Function, Task, TaskId, TaskResult, TaskStatus, runs_in_rank


@dataclass(slots=True)
class _Given:
    leader: int
    order: RunTask


@dataclass(slots=True)
class _Running:
    given: _Given
    spawn: Spawn
    isolated: IsolatedCall | None
    gpus: tuple[str, ...]


class Worker:
    """Runs what leaders order and reports each attempt to the leader that ordered it.

    Attributes
    ----------
    caller:
        Calls the functions.
    place:
        Where the rank is.
    """

    def __init__(
        self,
        context: RunContext,
        channel: Channel,
        runner: CallRunner,
        progress: Progress,
        slots: int,
    ) -> None:
        self.caller = Caller(context)
        self.place = Place(context.host, context.cpus)
        self._context = context
        self._progress = progress
        self._outcomes = Outcomes(channel)
        self._functions = FunctionQueue(self.caller, channel, runner, progress, self._outcomes)
        self._helper = Helper(context.run, context.cpus, warm_start_of(context), slots)
        self._preloads = context.preload is not None
        self._gpus = GpuPool(context.gpus)
        self._waiting: deque[_Given] = deque()
        self._running: dict[str, _Running] = {}
        self._kept: set[str] = set()
        self._starting: list[Spawn] = []

    def fileno(self) -> int:
        """What can be read when :meth:`collect` has something to do."""
        return self._helper.fileno()

    @property
    def runs_programs(self) -> bool:
        """Whether processes run, or wait for their turn."""
        return bool(self._running)

    def run(self, leader: int, order: RunTask) -> None:
        """Start an attempt of a task."""
        if runs_in_rank(order.call.work):
            self._functions.add(leader, order)
            return
        given = _Given(leader, order)
        if _gpus_of(order):
            self._waiting.append(given)
            self._start_waiting()
        else:
            self._start(given, ())

    def flush(self) -> None:
        """Start the processes that were asked for since the last call: the helper is told of all at once."""
        if self._starting:
            starting, self._starting = self._starting, []
            self._helper.start(*starting)

    def kill(self, order: KillTask) -> None:
        """End an attempt and all its processes; a function that has begun goes on to its end."""
        for token, running in self._running.items():
            if (running.given.order.call.id, running.given.order.attempt) == (order.task, order.attempt):
                self._end(token)
                return
        for given in [given for given in self._waiting if given.order.call.id == order.task]:
            self._waiting.remove(given)
            self._unrun(given, TaskStatus.CANCELLED, "cancelled before it began")
        self._functions.cancel(order.task)

    def drop(self, order: DropArrays) -> None:
        """Let go of arrays that nobody will score."""
        for key in order.keys:
            del self.caller.arrays[key]

    def collect(self) -> None:
        """Report the processes that ended."""
        ended: list[tuple[int, TaskResult]] = []
        for exited in self._helper.poll():
            running = self._running.pop(exited.token)
            order = running.given.order
            if running.isolated:
                result = self.caller.keep(order, running.isolated.result(exited))
            else:
                result = result_of(order.call, order.attempt, exited, order.queued, self._context)
            self._gpus.give_back(running.gpus)
            ended.append((running.given.leader, result))
        self._start_waiting()
        self._outcomes.tell(ended)
        self._give_back(self._helper.take_returned())

    def orphan(self) -> list[Held]:
        """Go on without leaders; returns what runs, or waits at the helper, and what came of others."""
        self._waiting.clear()
        functions = self._functions.orphan()
        processes = []
        for running in self._running.values():
            if running.given.leader == UNWANTED:
                continue
            running.given.leader = ORPHANED
            order = running.given.order
            processes.append(Held(order.call.id, order.attempt, order.queued, running=True))
        self._kept = set(self.caller.arrays)
        return [*functions, *processes, *self._outcomes.held()]

    def adopt(self, leader: int, adopted: Adopt) -> None:
        """Go on for a new leader with what it wants, and end the rest."""
        attempts = set(adopted.attempts)
        attempts -= self._outcomes.tell_again(leader, attempts)
        attempts -= self._functions.adopt(leader, attempts)
        for token, running in self._running.items():
            given = running.given
            attempt = given.order.call.id, given.order.attempt
            if given.leader != ORPHANED:
                continue
            if attempt in attempts:
                given.leader = leader
                attempts.remove(attempt)
            else:
                given.leader = UNWANTED
                self._end(token)
        self._disown(leader, attempts)

    def keep(self, message: KeepArrays) -> None:
        """Let go of arrays from before a loss that nobody knows of any more."""
        for key in self._kept - message.keys:
            self.caller.arrays.pop(key, None)

    def tell_again(self, leader: int, message: TellAgain) -> None:
        """Tell what came of attempts whose leader is lost."""
        attempts = set(message.attempts)
        self._disown(leader, attempts - self._outcomes.tell_again(leader, attempts))

    def _disown(self, leader: int, attempts: Set[tuple[TaskId, int]]) -> None:
        """Say what is neither here nor remembered any more: it begins again."""
        self._outcomes.give_back((leader, task) for task, _ in sorted(attempts))

    def _start_waiting(self) -> None:
        """Start processes that need GPUs, in the order of their arrival, as long as there are some."""
        while self._waiting:
            wanted = _gpus_of(self._waiting[0].order)
            gpus = self._gpus.take(wanted)
            if gpus is None and wanted <= len(self._context.gpus.names):
                return
            self._start(self._waiting.popleft(), gpus or ())

    def _start(self, given: _Given, gpus: tuple[str, ...]) -> None:
        order = given.order
        try:
            isolated = self._isolated(order)
            spawn = (
                isolated.spawn()
                if isolated
                else spawn_of(order.call, order.attempt, self._context, order.places, gpus, waits=order.waits)
            )
        except TaskError as error:
            self._gpus.give_back(gpus)
            self._unrun(given, TaskStatus.FAILED, str(error))
            return
        if spawn.token in self._running:  # the same attempt, from before a loss, is being ended here
            self._gpus.give_back(gpus)
            self._outcomes.give_back([(given.leader, order.call.id)])
            return
        self._running[spawn.token] = _Running(given, spawn, isolated, gpus)
        self._starting.append(spawn)

    def _end(self, token: str) -> None:
        """End a process, of which the helper must have been told."""
        self.flush()
        self._helper.kill(token)

    def _give_back(self, tokens: list[str]) -> None:
        """Return to their leaders what did not begin; what has none at present waits on."""
        unbegun: list[tuple[int, TaskId]] = []
        for token in tokens:
            leader = self._running[token].given.leader
            if leader == ORPHANED:
                self._helper.start(self._running[token].spawn)
                continue
            order = self._running.pop(token).given.order
            if leader != UNWANTED:
                unbegun.append((leader, order.call.id))
        self._outcomes.give_back(unbegun)

    def _unrun(self, given: _Given, status: TaskStatus, reason: str) -> None:
        self._outcomes.tell([(given.leader, self.caller.unrun(given.order, status, reason))])

    def _isolated(self, order: RunTask) -> IsolatedCall | None:
        """What a function needs that runs in a process of its own; the first has a Python preloaded."""
        if not isinstance(order.call.work, Function):
            return None
        if not self._preloads:
            self._preloads = True
            self._helper.preload(warm_start_for_functions(self._context))
        return IsolatedCall(order.call, order.attempt, order.queued, self._context)

    def close(self) -> None:
        """End all tasks and the helper process."""
        self._helper.close()
        shutil.rmtree(sessions_of(self._context.run, self._context.rank), ignore_errors=True)


def _gpus_of(order: RunTask) -> int:
    return order.call.work.gpus_per_rank if isinstance(order.call.work, Task) else 0
