"""The request to stop a campaign before its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rose_mpi.events import StopReason
from rose_mpi.learners.campaign import Campaign
from rose_mpi.mpi.failure import end_job
from rose_mpi.mpi.session import STOP_SIGNALS


class Stopping:
    """Turns signals, wherever they arrive, into an orderly end; the second one ends the job at once.

    Attributes
    ----------
    requested:
        Whether somebody asked for a stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._stop: Callable[[], object] | None = None

    def listen(self) -> None:
        """Handle this process's signals; in the main thread."""
        for number in STOP_SIGNALS:
            signal.signal(number, lambda number, _: self.on_signal(number))

    def on_signal(self, number: int) -> None:
        """A signal reached a rank; from any thread."""
        if self.requested:
            end_job(128 + number)
        self.request()

    def request(self) -> None:
        """Ask for a stop; from any thread."""
        self.requested = True
        if self._stop:
            self._stop()

    @contextmanager
    def ends(self, campaign: Campaign) -> Iterator[None]:
        """Let requests end ``campaign``, which runs in this thread's event loop."""
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(campaign.stop, StopReason.STOPPED)
        if self.requested:
            self._stop()
        try:
            yield
        finally:
            self._stop = None
