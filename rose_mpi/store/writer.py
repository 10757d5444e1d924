"""The observer of a run that keeps it on disk, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from rose_mpi.errors import StoreError
from rose_mpi.events import Event, RunStarted
from rose_mpi.layout import Layout
from rose_mpi.store.contents import Contents
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.records import Record, record_of
from rose_mpi.store.service import Service


class ResultsWriter:
    """Writes a run's results file and log; it is an :data:`rose_mpi.events.Observer`.

    Events are taken in the order of the calls, from any thread, without waiting for the disk. Those that
    arrived are written to the log within a few milliseconds and made safe from a power cut within 50 ms, at
    the end of an iteration immediately. The results file is there from the first event, :class:`RunStarted`,
    on; it takes in the log whenever that costs less than 2 % of the run's time, and on :meth:`close`.

    Parameters
    ----------
    layout:
        Where to write; the folder is made where it is missing.
    on_failure:
        Called once, from the writer's thread, when it has given up: the run should end then.
    beat:
        Called every few seconds from the writer's thread; a :class:`StoreError` ends the writing.
    saved:
        What is there of an earlier part of the run, which goes on; the writer's from now on.

    Raises
    ------
    StoreError
        If there is a results file or a log already that is not ``saved``, or the folder cannot be made.
    """

    def __init__(
        self,
        layout: Layout,
        on_failure: Callable[[BaseException], None] | None = None,
        beat: Callable[[], None] = lambda: None,
        saved: Contents | None = None,
    ) -> None:
        if saved is None:
            _claim(layout)
        self._saved = saved
        self._layout = layout
        self._on_failure = on_failure
        self._beat = beat
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
            self._keeper, self._saved = Keeper(self._layout, first, self._saved), None
            Service(self._layout, self._keeper, self._queue, self._beat).run()
        except BaseException as error:
            self._failure = error
            if self._on_failure:
                self._on_failure(error)


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
