"""Runs a rank's tasks: executables through its helper process, functions on its serving thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from rose_mpi.errors import TaskError
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.executable import spawn_of, warm_start_of
from rose_mpi.execution.functions import call_function, function_result
from rose_mpi.execution.helper_client import Exited, Helper
from rose_mpi.execution.launcher import Place
from rose_mpi.execution.result import result_of
from rose_mpi.mpi.callrunner import CallRunner
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import DropArrays, KillTask, RunTask, TaskEnded
from rose_mpi.tasks import Expects, FileArray, Function, RankArray, TaskId, TaskResult, TaskStatus


@dataclass(frozen=True, slots=True)
class _Running:
    leader: int
    order: RunTask


class Worker:
    """Runs what leaders order, at once, and reports each attempt to the leader that ordered it."""

    def __init__(
        self,
        context: RunContext,
        channel: Channel,
        runner: CallRunner,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self.arrays: dict[str, NDArray[np.generic]] = {}
        self.place = Place(context.host, context.cpus)
        self._context = context
        self._channel = channel
        self._runner = runner
        self._post = post
        self._helper = Helper(context.run, context.cpus, warm_start_of(context))
        self._running: dict[str, _Running] = {}
        self._cancelled: set[TaskId] = set()

    def fileno(self) -> int:
        """What can be read when :meth:`collect` has something to do."""
        return self._helper.fileno()

    def run(self, leader: int, order: RunTask) -> None:
        """Start an attempt of a task."""
        if isinstance(order.call.work, Function):
            self._runner.submit(partial(self._call, leader, order))
            return
        try:
            spawn = spawn_of(order.call, order.attempt, self._context, order.places)
        except TaskError as error:
            failed = self.unrun(order, TaskStatus.FAILED, str(error))
            self._channel.send(leader, TaskEnded(failed))
            return
        self._running[spawn.token] = _Running(leader, order)
        self._helper.start(spawn)

    def kill(self, order: KillTask) -> None:
        """End an attempt and all its processes; a function that has begun goes on to its end."""
        for token, running in self._running.items():
            if (running.order.call.id, running.order.attempt) == (order.task, order.attempt):
                self._helper.kill(token)
                return
        self._cancelled.add(order.task)

    def drop(self, order: DropArrays) -> None:
        """Let go of arrays that nobody will score."""
        for key in order.keys:
            del self.arrays[key]

    def collect(self) -> None:
        """Report the executables that ended."""
        for exited in self._helper.poll():
            self._report(exited)

    def close(self) -> None:
        """End all tasks and the helper process."""
        self._helper.close()

    def _report(self, exited: Exited) -> None:
        running = self._running.pop(exited.token)
        order = running.order
        result = result_of(order.call, order.attempt, exited, order.queued, self._context)
        self._channel.send(running.leader, TaskEnded(result))

    def _call(self, leader: int, order: RunTask) -> None:
        """Run a function, on the serving thread."""
        if order.call.id in self._cancelled:
            result = self.unrun(order, TaskStatus.CANCELLED, "cancelled before it began")
        else:
            result = self.called(order)
        self._post(lambda: self._channel.send(leader, TaskEnded(result)))

    def called(self, order: RunTask, comm: MPI.Intracomm | None = None) -> TaskResult:
        """Call a function, on the serving thread.

        Parameters
        ----------
        comm:
            The ranks that call it together; only the first of them gives a value.
        """
        call = order.call
        function = partial(call_function, call, self._context, comm)
        if comm and comm.rank:
            call = replace(call, expects=Expects.ANYTHING)
            function = partial(_without_value, function)
        result = function_result(function, call, order.attempt, order.queued, self._context)
        if not isinstance(result.value, np.ndarray):
            return result
        try:
            return replace(result, value=self._kept(order, result.value))
        except OSError as error:
            reason = f"the array that it returned cannot be written: {error}"
            return replace(result, status=TaskStatus.FAILED, value=None, error=reason)

    def _kept(self, order: RunTask, array: NDArray[np.generic]) -> FileArray | RankArray:
        """Keep a prediction in memory if the group scores it here; any other array becomes a file."""
        if order.keep and order.call.expects is Expects.PREDICTION:
            key = f"{order.call.id}.{order.attempt}"
            self.arrays[key] = array
            return RankArray(self._context.rank, key)
        path = Path(f"{self._context.layout.result(order.call.id, order.attempt)}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array, allow_pickle=False)
        return FileArray(str(path))

    def unrun(self, order: RunTask, status: TaskStatus, error: str) -> TaskResult:
        """The result of an attempt that never began."""
        now = time.time()
        return TaskResult(
            id=order.call.id,
            attempt=order.attempt,
            status=status,
            rank=self._context.rank,
            host=self._context.host,
            queued=order.queued,
            started=now,
            finished=now,
            error=error,
        )


def _without_value(function: Callable[[], object]) -> None:
    function()
