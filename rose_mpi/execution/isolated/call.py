"""The rank's side of a function that runs in a process of its own."""

from __future__ import annotations

import marshal
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rose_mpi.errors import ResultError, TaskError
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.environment import task_environment, usual_environment
from rose_mpi.execution.result import ended
from rose_mpi.execution.spawned import Exited, Spawn, WarmStart
from rose_mpi.tasks import Function, TaskCall, TaskResult

CHILD = "rose_mpi.execution.isolated.child"
"""The module to preload where functions are to begin at once."""
_SCRIPT = str(Path(__file__).with_name("start.py"))


def warm_start_for_functions(context: RunContext) -> WarmStart:
    """A Python that has imported what such a process needs, so that a fork of it does."""
    return WarmStart((CHILD,), usual_environment(context), speaks_for_all=context.rank == 0)


class IsolatedCall:
    """One attempt of a function: what its process reads and writes, in files in this rank's memory.

    Raises
    ------
    TaskError
        If there is no room for these files.
    """

    def __init__(self, call: TaskCall, attempt: int, queued: float, context: RunContext) -> None:
        self._call = call
        self._attempt = attempt
        self._queued = queued
        self._context = context
        order = marshal.dumps(sys.path) + pickle.dumps((call, attempt, queued, context), protocol=5)
        try:
            self._order = open(os.memfd_create("rose-call"), "w+b")  # noqa: PTH123, SIM115
            self._answer = open(os.memfd_create("rose-result"), "r+b")  # noqa: PTH123, SIM115
            self._order.write(order)
            self._order.flush()
        except OSError as error:
            raise TaskError(f"{call.id}: cannot hand its arguments over: {error}") from error

    def spawn(self) -> Spawn:
        """The process.

        Raises
        ------
        TaskError
            If the folder in which it is to work was removed.
        """
        paths = self._context.layout.task(self._call.id, self._attempt)
        files = (str(file.fileno()) for file in (self._order, self._answer))
        assert isinstance(self._call.work, Function)
        return Spawn(
            token=f"{self._call.id}#{self._attempt}",
            argv=(sys.executable, _SCRIPT, str(os.getpid()), *files),
            environment=task_environment(self._call, self._attempt, self._context),
            cwd=_present_folder(self._call),
            stdout=paths.stdout,
            stderr=paths.stderr,
            timeout=self._call.work.timeout,
        )

    def result(self, exited: Exited) -> TaskResult:
        """What came of it; to be asked once."""
        with self._order, self._answer:
            answer = self._answer.read()
        told = _told(answer) if exited.exit_code == 0 else None
        if told is None or exited.killed or exited.timed_out:
            return ended(self._call, self._attempt, exited, self._queued, self._context, _no_value)
        return replace(
            told,
            started=exited.started,
            finished=exited.finished,
            cpu_seconds=exited.cpu_seconds,
            max_rss=exited.max_rss,
        )


def _present_folder(call: TaskCall) -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        raise TaskError(f"{call.id}: the folder that its rank works in is gone: {error.strerror}") from error


def _told(answer: bytes) -> TaskResult | None:
    """What the process wrote; ``None`` if that is not whole."""
    try:
        result: TaskResult = pickle.loads(answer)
    except Exception:
        return None
    return result


def _no_value() -> Any:
    raise ResultError("its process ended with exit code 0 before the function returned")
