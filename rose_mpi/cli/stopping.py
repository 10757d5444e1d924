"""The request to stop a campaign before its end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rose_mpi.events import StopReason
from rose_mpi.learners.campaign import Campaign
from rose_mpi.mpi.session import STOP_SIGNALS
from rose_mpi.program.signals import Insistence


class Stopping:
    """Turns signals, wherever they arrive, into an orderly end; a second one here ends the job at once.

    Attributes
    ----------
    requested:
        Whether somebody asked for a stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._insistence = Insistence()
        self._reason = StopReason.STOPPED
        self._stop: Callable[[], object] | None = None

    def listen(self) -> None:
        """Handle this process's signals; in the main thread."""
        for number in STOP_SIGNALS:
            signal.signal(number, lambda number, _: self._on_own_signal(number))

    def request(self) -> None:
        """Ask for a stop; from any thread."""
        self.requested = True
        stop = self._stop
        if stop:
            stop()

    @contextmanager
    def after(self, seconds: float | None) -> Iterator[None]:
        """Ask for a stop when so much time has passed; ``None``: never."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self._on_walltime)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _on_walltime(self) -> None:
        if not self.requested:
            self._reason = StopReason.WALLTIME
            self.request()

    def _on_own_signal(self, number: int) -> None:
        if self._insistence.is_first(number):
            self.request()

    @contextmanager
    def ends(self, campaign: Campaign) -> Iterator[None]:
        """Let requests end ``campaign``, which runs in this thread's event loop."""
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(campaign.stop, self._reason)
        if self.requested:
            self.request()
        try:
            yield
        finally:
            self._stop = None
