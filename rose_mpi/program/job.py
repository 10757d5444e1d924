"""The part of a process in the job, from its first engine to the end of the program."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging
import os
import sys
import threading
from typing import Protocol

from rose_mpi.errors import UsageError
from rose_mpi.events import StopReason
from rose_mpi.exit_codes import ExitCode
from rose_mpi.learners.futures import Future
from rose_mpi.mpi.failure import abort, end_job
from rose_mpi.mpi.session import Session, serve
from rose_mpi.mpi.world import finalize, join_world
from rose_mpi.program.signals import StopSignals
from rose_mpi.telling import tell

logger = logging.getLogger(__name__)


class OpenEngine(Protocol):
    """The engine that the job serves."""

    stop_reason: StopReason | None

    def stop(self, reason: StopReason = ...) -> None:
        """End all learners; from any thread."""
        ...

    def close(self) -> None:
        """Wait for what runs, and make the results file complete."""
        ...

    @property
    def unseen_failures(self) -> list[Future[object]]:
        """What failed without anybody asking for the outcome."""
        ...


class Job:
    """Rank 0's hold on the job; the other ranks end in the constructor.

    The ranks serve until this process ends, so that it leaves last and its exit code is the job's.

    Attributes
    ----------
    script_failed:
        The exit code for an exception that the script did not catch; ``None`` where there was none.
    """

    def __init__(self) -> None:
        world = join_world()
        if world.rank:
            asyncio._set_running_loop(None)  # a loop that made the engine never goes on here
            try:
                serve(world, pass_signals=threading.current_thread() is threading.main_thread())
            except BaseException as error:
                abort(world, error)
            _leave(ExitCode.DONE)
        self.script_failed: ExitCode | None = None
        self._alone = world.size == 1
        self._signals = StopSignals(self.stop)
        self.session = Session(world, self._signals.request)
        self._engine: OpenEngine | None = None
        self._closed = False
        self._under_way = ""
        self._lost = False
        self._timer: threading.Timer | None = None
        self._pid = os.getpid()
        atexit.register(self.leave)

    @property
    def can_serve(self) -> bool:
        """Whether no engine was made yet."""
        return self._engine is None

    def adopt(self, engine: OpenEngine, walltime: float | None) -> None:
        """Serve an engine, until a signal or the walltime ends it."""
        self._engine = engine
        self._signals.listen()
        if walltime is not None:
            self._timer = threading.Timer(walltime, self._signals.request, [StopReason.WALLTIME])
            self._timer.daemon = True
            self._timer.start()

    def stop(self, reason: StopReason) -> None:
        """End what runs; from any thread."""
        if self._engine:
            self._engine.stop(reason)

    def give_up_results(self) -> None:
        """The results cannot be written, so that going on is of no use."""
        self._lost = True
        self._signals.request()

    def release(self, under_way: str) -> None:
        """The engine has shut down; where this is the only rank, another one may follow."""
        if self._timer:
            self._timer.cancel()
        self._under_way = under_way
        if self._alone and not under_way:
            self._close()
            self._forget()

    def leave(self) -> None:
        """End all ranks, at the end of the program."""
        if os.getpid() != self._pid:
            return
        self._signals.leave()
        try:
            if self._engine:
                if self.script_failed is not None:
                    self._engine.stop()
                self._engine.close()
        except BaseException as error:
            tell(f"the end of the run failed: {error}")
            self._lost = True
        code = self._exit_code()
        if self._under_way:
            tell(f"{self._under_way} does not end: all else is saved, and the job is ended without it")
            end_job(code or ExitCode.DONE)
        self._close()
        if code is not None:
            _leave(code)

    def _exit_code(self) -> ExitCode | None:
        """The code that the interpreter would not end with by itself."""
        if self._lost:
            return ExitCode.INTERNAL_ERROR
        if self.script_failed is not None:
            return self.script_failed
        if self._engine and self._engine.stop_reason:
            tell("stopped early; what was finished is saved")
            return ExitCode.STOPPED
        unseen = self._engine.unseen_failures if self._engine else []
        for future in unseen:
            logger.error("%s failed, and nobody asked for its result: %s", future.what, future.failure)
        return ExitCode.LEARNER_FAILED if unseen else None

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self.session.close()

    def _forget(self) -> None:
        """Let another engine follow; this one's end is told at the end of the program."""
        global _job  # noqa: PLW0603
        _job = None


_job: Job | None = None
"""A process can be part of one job only, so that there is one."""


def join_job() -> Job:
    """Take part in the job; comes back on rank 0 only.

    Raises
    ------
    UsageError
        If there is an engine already, or was one on several ranks.
    LauncherError
        If ranks do not answer, or the launcher does not fit the MPI library.
    """
    global _job  # noqa: PLW0603
    if _job is None:
        _job = Job()
    if not _job.can_serve:
        raise UsageError(
            "a program has one engine at a time: shut the first one down before you make another, and with "
            "several ranks put the second into a program of its own"
        )
    return _job


def current_job() -> Job | None:
    """The job whose engine was made here."""
    return _job


def _leave(code: int) -> None:
    """Leave MPI and the process, whatever the script still wants.

    By the C library's ``exit``: in its handlers MPICH takes leave of its launcher, which otherwise ends the
    ranks that are left, and the job with code 0.
    """
    finalize(code)
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    logging.shutdown()
    ctypes.PyDLL(None).exit(int(code))
