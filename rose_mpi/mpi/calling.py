"""Calls a task's function on the serving thread of its rank."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from mpi4py import MPI
from msgspec.structs import replace
from numpy.typing import NDArray

from rose_mpi.execution.context import RunContext
from rose_mpi.execution.functions import call_function, function_result
from rose_mpi.mpi.messages import RunTask
from rose_mpi.tasks import Expects, FileArray, RankArray, TaskId, TaskResult, TaskStatus


class Caller:
    """Calls functions, and keeps the arrays that will be scored where they are.

    Attributes
    ----------
    arrays:
        What is kept, by keys that are unique within the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.arrays: dict[str, NDArray[np.generic]] = {}
        self._context = context

    def call(self, order: RunTask, comm: MPI.Intracomm | None = None) -> TaskResult:
        """Call a function.

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
        return self.keep(order, function_result(function, call, order.attempt, order.queued, self._context))

    def keep(self, order: RunTask, result: TaskResult) -> TaskResult:
        """The result of a function, its array where it shall be."""
        if not isinstance(result.value, np.ndarray):
            return result
        try:
            return replace(result, value=self._kept(order, result.value))
        except OSError as error:
            reason = f"the array that it returned cannot be written: {error}"
            return replace(result, status=TaskStatus.FAILED, value=None, error=reason)

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

    def _kept(self, order: RunTask, array: NDArray[np.generic]) -> FileArray | RankArray:
        """Keep a prediction in memory if the group scores it here; any other array becomes a file."""
        if order.keep and order.call.expects is Expects.PREDICTION:
            key = array_key(order.call.id, order.attempt)
            self.arrays[key] = array
            return RankArray(self._context.rank, key)
        path = Path(f"{self._context.layout.task(order.call.id, order.attempt).result}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array, allow_pickle=False)
        return FileArray(str(path))


def array_key(task: TaskId, attempt: int) -> str:
    """The key of the array that an attempt returned."""
    return f"{task}.{attempt}"


def _without_value(function: Callable[[], object]) -> None:
    function()
