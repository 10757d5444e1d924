"""The observer of a run that keeps it on disk, in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from rose_mpi.errors import StoreError
from rose_mpi.events import Event, IterationFinished, RunStarted
from rose_mpi.layout import Layout
from rose_mpi.store.budget import FoldBudget
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.patience import Patience
from rose_mpi.store.records import Record, record_of

SYNC_INTERVAL: Final = 0.05


class ResultsWriter:
    """Writes a run's results file and log; it is an :data:`rose_mpi.events.Observer`.

    Events are taken in the order of the calls, from any thread, without waiting for the disk. Those that
    arrived are written to the log at once and made safe from a power cut within 50 ms, at the end of an
    iteration immediately. The results file is there from the first event, :class:`RunStarted`, on; it
    takes in the log whenever that costs less than 2 % of the run's time, and on :meth:`close`.

    Parameters
    ----------
    layout:
        Where to write; the folder is made where it is missing.
    on_failure:
        Called once, from the writer's thread, when it has given up: the run should end then.

    Raises
    ------
    StoreError
        If there is a results file or a log already, or the folder cannot be made.
    """

    def __init__(self, layout: Layout, on_failure: Callable[[BaseException], None] | None = None) -> None:
        _claim(layout)
        self._layout = layout
        self._on_failure = on_failure
        self._queue: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._keeper: Keeper | None = None
        self._thread = threading.Thread(target=self._main, name="results-writer", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take an event; after a failure it is dropped."""
        if self._failure is None:
            self._queue.put(record_of(event))

    @property
    def failure(self) -> BaseException | None:
        """Why the writer has given up: a :class:`StoreError` if the disk refused."""
        return self._failure

    @property
    def written(self) -> int:
        """How many events the system has: they outlive this process."""
        return self._keeper.written if self._keeper else 0

    def close(self) -> None:
        """Write what has arrived, fold the log into the results file and remove it.

        Raises
        ------
        StoreError
            If the disk refused for long; the log is kept then.
        """
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _main(self) -> None:
        try:
            first = self._queue.get()
            if first is None:
                return
            if not isinstance(first, RunStarted):
                raise RuntimeError(f"the first event of a run must be RunStarted, not {type(first).__name__}")
            self._keeper = Keeper(self._layout, first)
            _Service(self._layout, self._keeper, self._queue).run()
        except BaseException as error:
            self._failure = error
            if self._on_failure:
                self._on_failure(error)


class _Service:
    """What the writer's thread does, from the first event to the last."""

    def __init__(self, layout: Layout, keeper: Keeper, arrivals: queue.SimpleQueue[Record | None]) -> None:
        self._keeper = keeper
        self._queue = arrivals
        self._patience = Patience(layout)
        self._budget = FoldBudget()
        self._began = time.monotonic()
        self._sync_due: float | None = None
        self._log_is_doubtful = False
        self._closing = False

    def run(self) -> None:
        self._patience.insist(self._begin)
        while not self._closing:
            self._receive(self._seconds_to_next_duty())
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
        """Take what has arrived, waiting for the first."""
        with suppress(queue.Empty):
            self._take(self._queue.get(timeout=timeout))
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
        self._receive(0)
        with suppress(OSError):
            self._commit()

    def _try_to_fold(self) -> None:
        """Fold; if the disk refuses, the log goes on and the next fold tries again."""
        try:
            self._refold()
        except OSError as error:
            self._patience.tell(error)

    def _fold_due(self) -> float:
        keeper = self._keeper
        if keeper.generation == keeper.count:
            return float("inf")
        growth = 1 + keeper.log_size / max(keeper.file_size, 1)
        return self._began + self._budget.due(growth)

    def _seconds_to_next_duty(self) -> float | None:
        due = min(self._fold_due(), float("inf") if self._sync_due is None else self._sync_due)
        return None if due == float("inf") else max(0.0, due - time.monotonic())


def _claim(layout: Layout) -> None:
    """Make the folder; never write over what is there."""
    for path in (layout.results, layout.log):
        if path.exists():
            raise StoreError(f"{path} exists already: move it away or name another output")
    try:
        layout.results.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{layout.results.parent} cannot be made: {error.strerror}: name another output"
        ) from error
