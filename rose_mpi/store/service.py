"""When a run's records are written, made safe and folded into the results file."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from rose_mpi.errors import StoreError
from rose_mpi.events import IterationFinished
from rose_mpi.layout import Layout
from rose_mpi.store.budget import FoldBudget
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.lock import BEAT
from rose_mpi.store.patience import Patience
from rose_mpi.store.records import Record

SYNC_INTERVAL: Final = 0.05
GATHER_SECONDS: Final = 0.002
"""Records gather for so long: this thread would keep the interpreter from those who wait for the results."""


class Service:
    """What the writer's thread does with the records that arrive after the run's start."""

    def __init__(
        self,
        layout: Layout,
        keeper: Keeper,
        arrivals: queue.SimpleQueue[Record | None],
        beat: Callable[[], None],
    ) -> None:
        self._keeper = keeper
        self._beat = beat
        self._queue = arrivals
        self._patience = Patience(layout)
        self._budget = FoldBudget()
        self._began = time.monotonic()
        self._sync_due: float | None = None
        self._log_is_doubtful = False
        self._closing = False

    def run(self) -> None:
        """Serve until ``None`` arrives; the results file holds everything then and the log is gone.

        Raises
        ------
        StoreError
            If the disk refused for long, or the lock was lost.
        """
        self._patience.insist(self._begin)
        while not self._closing:
            self._receive(self._seconds_to_next_duty())
            self._beat()
            self._patience.insist(self._commit)
            if self._log_is_doubtful:
                self._patience.insist(self._refold)
            elif self._fold_due() <= time.monotonic():
                self._try_to_fold()
        if self._keeper.generation < self._keeper.count:
            self._patience.insist(self._refold)
        self._patience.insist(self._keeper.end)

    def _begin(self) -> None:
        """Put the first file and an empty log in place; what arrives meanwhile waits for that log."""
        self._fold(lambda: None)

    def _receive(self, timeout: float | None) -> None:
        """Take what has arrived; unless ``timeout`` is 0, wait for the first and for those behind it."""
        with suppress(queue.Empty):
            self._take(self._queue.get(timeout=timeout))
            if timeout:
                time.sleep(GATHER_SECONDS)
            for _ in range(self._queue.qsize()):
                self._take(self._queue.get_nowait())

    def _take(self, record: Record | None) -> None:
        if record is None:
            self._closing = True
            return
        self._keeper.add(record)
        now = time.monotonic()
        due = now if isinstance(record, IterationFinished) else now + SYNC_INTERVAL
        self._sync_due = due if self._sync_due is None else min(self._sync_due, due)

    def _commit(self) -> None:
        """Write what was taken, and make it safe where that is due."""
        self._keeper.write()
        if self._sync_due is None or time.monotonic() < self._sync_due:
            return
        try:
            self._keeper.sync()
        except OSError:
            self._log_is_doubtful = True
            raise
        self._sync_due = None

    def _refold(self) -> None:
        self._fold(self._pump)

    def _fold(self, pump: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            self._keeper.fold(pump)
        finally:
            self._budget.charge(time.monotonic() - began)
        self._log_is_doubtful = False

    def _pump(self) -> None:
        """Keep the log growing while a fold goes on; its errors come back after the fold."""
        if not self._closing:
            self._receive(0)
        self._beat()
        with suppress(OSError):
            self._commit()

    def _try_to_fold(self) -> None:
        """Fold; if the disk refuses, the log goes on and the next fold tries again."""
        try:
            self._refold()
        except StoreError:
            raise
        except OSError as error:
            self._patience.tell(error)

    def _fold_due(self) -> float:
        keeper = self._keeper
        if keeper.generation == keeper.count:
            return float("inf")
        growth = 1 + keeper.log_size / max(keeper.file_size, 1)
        return self._began + self._budget.due(growth)

    def _seconds_to_next_duty(self) -> float:
        due = min(self._fold_due(), float("inf") if self._sync_due is None else self._sync_due)
        return min(BEAT, max(0.0, due - time.monotonic()))
