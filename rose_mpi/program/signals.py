"""Signals that ask a program to stop."""

from __future__ import annotations

import functools
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from rose_mpi.events import StopReason
from rose_mpi.exit_codes import ExitCode
from rose_mpi.mpi.failure import end_job
from rose_mpi.mpi.session import STOP_SIGNALS

_SAME_REQUEST_SECONDS: Final = 0.5


class Insistence:
    """Ends the job at once at the second signal that asks for a stop.

    Launchers send a signal to every rank, and some twice to this one, so that only a signal that reaches
    this process some time after the first counts as a second.
    """

    def __init__(self) -> None:
        self._first: float | None = None

    def is_first(self, number: int) -> bool:
        """Whether ``number`` is the first signal."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
            return True
        if now - self._first > _SAME_REQUEST_SECONDS:
            end_job(128 + number)
        return False


class StopSignals:
    """Ends the run in order, and the script by :class:`SystemExit`; a second signal ends the job at once.

    At a prompt or in a notebook signals keep their meaning, as they do where the program has handlers of its
    own.

    Parameters
    ----------
    stop:
        Called with the reason, in whatever thread.
    """

    def __init__(self, stop: Callable[[StopReason], object]) -> None:
        self._stop = stop
        self._reason = StopReason.STOPPED
        self._insistence = Insistence()
        self._listening = False
        self._leaving = False

    def listen(self) -> None:
        """Handle signals, if this is the main thread of a script."""
        if threading.current_thread() is not threading.main_thread() or _is_interactive():
            return
        for number in STOP_SIGNALS:
            if _is_free(number):
                signal.signal(number, self._on_signal)
        self._listening = signal.getsignal(signal.SIGUSR1) == self._on_signal

    def request(self, reason: StopReason = StopReason.STOPPED) -> None:
        """Stop as after a signal; from any thread."""
        self._reason = reason
        if self._listening:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        else:
            self._stop(reason)

    def leave(self) -> None:
        """Raise nothing any more: the script has ended."""
        self._leaving = True

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if not self._insistence.is_first(number):
            return
        self._stop(self._reason)
        if not self._leaving:
            raise SystemExit(ExitCode.STOPPED)


def _is_interactive() -> bool:
    return hasattr(sys, "ps1") or "ipykernel" in sys.modules


def _is_free(number: signal.Signals) -> bool:
    """Whether the program has no handler of its own."""
    handler = signal.getsignal(number)
    if number is not signal.SIGINT:
        return handler is signal.SIG_DFL
    of_asyncio = isinstance(handler, functools.partial) and handler.func.__module__ == "asyncio.runners"
    return handler is signal.default_int_handler or of_asyncio
