"""A task as the helper process knows it while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from rose_mpi.execution import processes
from rose_mpi.execution.pipes import Pipe

MARKS = ("ROSE_RUN", "ROSE_TASK", "ROSE_ATTEMPT")
"""Variables by which a process that a task left behind is recognised."""
_TAIL_LINES = 20
_LOST = "how it ended is not known: the preloaded Python ended at the same moment"
_UNKILLABLE = "process {} cannot be killed; it may wait for a file system that hangs"


class RunningTask:
    """A task whose processes are not all known to be gone.

    Attributes
    ----------
    pid:
        Main process; its session too.
    pipes:
        For its standard output and standard error.
    deadline, ending_since:
        Times of :func:`time.monotonic`; ``None``: no timeout, and not being ended.
    memory:
        What the kernel had said of kills for want of memory before it began.
    told_to_end:
        Processes that got SIGTERM.
    status:
        Of the main process, as ``waitpid`` gives it; ``None`` while it runs.
    lost:
        Whether its main process has ended, but nobody knows how.
    """

    __slots__ = (
        "_cpu_seconds",
        "_environment",
        "_finished",
        "_max_rss",
        "_started",
        "deadline",
        "ending_since",
        "killed",
        "lost",
        "memory",
        "pid",
        "pipes",
        "status",
        "timed_out",
        "token",
        "told_to_end",
    )

    def __init__(
        self,
        token: str,
        pid: int,
        environment: Mapping[str, str],
        pipes: Sequence[Pipe],
        started: float,
        timeout: float | None,
        memory: bytes,
    ) -> None:
        self.token = token
        self.pid = pid
        self.pipes = pipes
        self.memory = memory
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.ending_since: float | None = None
        self.told_to_end: set[int] = set()
        self.timed_out = False
        self.killed = False
        self.status: int | None = None
        self.lost = False
        self._environment = environment
        self._started = started
        self._finished = 0.0
        self._cpu_seconds = 0.0
        self._max_rss = 0

    def left_behind(self, environment: Mapping[bytes, bytes]) -> bool:
        """Whether a process with this environment is one of the task's."""
        own = self._environment
        return all(
            environment.get(os.fsencode(name), b"") == os.fsencode(own.get(name, "")) for name in MARKS
        )

    def reaped(self, status: int, cpu_seconds: float, max_rss: int) -> None:
        """Note how the main process ended."""
        self.status = status
        self._finished = time.time()
        self._cpu_seconds = cpu_seconds
        self._max_rss = max_rss

    @property
    def failed(self) -> bool:
        """Whether its main process ended badly of its own."""
        return bool(self.status) and not (self.killed or self.timed_out)

    def exited(self, out_of_memory: str) -> tuple[object, ...]:
        """The message that tells the rank how the task ended."""
        exit_code, signal_name, error = None, "", ""
        if self.status is None:
            self._finished = time.time()
            error = _LOST if self.lost else _UNKILLABLE.format(self.pid)
        elif os.WIFSIGNALED(self.status):
            signal_name = processes.name_of_signal(os.WTERMSIG(self.status))
        else:
            exit_code = os.waitstatus_to_exitcode(self.status)
        stdout, stderr = (pipe.capture for pipe in self.pipes)
        last_line = stdout.last_line()
        return (
            "exited",
            self.token,
            self._started,
            self._finished,
            exit_code,
            signal_name,
            self.timed_out,
            self.killed,
            error,
            last_line or "",
            stderr.tail(_TAIL_LINES),
            self._cpu_seconds,
            self._max_rss,
            last_line is None,
            out_of_memory,
        )


def not_started(token: str, error: str, *, killed: bool = False) -> tuple[object, ...]:
    """The message that tells the rank why a task was not started."""
    now = time.time()
    return ("exited", token, now, now, None, "", False, killed, error, "", "", 0.0, 0, False, "")
