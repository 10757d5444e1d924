"""A run on disk: the log that grows, and the results file that takes it in from time to time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rose_mpi.errors import StoreError
from rose_mpi.events import RunStarted
from rose_mpi.layout import Layout
from rose_mpi.store.contents import Contents
from rose_mpi.store.files import replace_file, sync_folder
from rose_mpi.store.image import image
from rose_mpi.store.log import LogHeader, LogWriter, framed
from rose_mpi.store.records import Record, encode
from rose_mpi.store.state import RunRecord


class Keeper:
    """Keeps one run's records safe; for one thread.

    Parameters
    ----------
    saved:
        What an earlier part of the run left in the same place; ``None`` for a new run.

    Every method that touches the disk may raise ``OSError``, and may be called again then: what it was to
    write is still there.

    Attributes
    ----------
    count:
        Records taken so far.
    generation:
        Records that the results file holds.
    written:
        Records that the system has, in the file or the log.
    file_size:
        Bytes of the results file.
    """

    def __init__(self, layout: Layout, started: RunStarted, saved: Contents | None = None) -> None:
        self.count = saved.generation + 1 if saved else 1
        self.generation = 0
        self.written = 0
        self.file_size = 0
        self._layout = layout
        self._run = RunRecord(started)
        if saved:
            self._run = saved.run
            self._run.add(started)
        self._log: LogWriter | None = None
        self._arrived: list[tuple[Record, bytes]] | None = None

    @property
    def log_size(self) -> int:
        """Bytes of the log."""
        return self._log.size if self._log else 0

    def add(self, record: Record) -> None:
        """Take a record; the next :meth:`write` hands it to the system."""
        frame = framed(encode(record))
        self.count += 1
        if self._log:
            self._log.append(frame)
        if self._arrived is None:
            self._run.add(record)
        else:
            self._arrived.append((record, frame))

    def write(self) -> None:
        """Hand all records to the system: they outlive this process then."""
        if self._log:
            self._log.write()
            self.written = self.count

    def sync(self) -> None:
        """Make all written records safe from a power cut."""
        if self._log:
            self._log.sync()

    def fold(self, pump: Callable[[], None]) -> None:
        """Put a new results file in place, with all records, and begin a new log.

        ``pump`` is called now and then and may add and write records: they go to the old log at once, and
        to the new one when it begins.
        """
        generation = self.count
        self._arrived = []
        try:
            data = _built(self._run, generation, pump)
            results = self._layout.results
            replace_file(results, self._layout.draft(results), memoryview(data), pump)
            self.generation, self.file_size = generation, len(data)
            self._begin_log()
        finally:
            for record, _ in self._arrived:
                self._run.add(record)
            self._arrived = None

    def end(self) -> None:
        """Remove the log, which the results file holds completely."""
        self._close_log()
        self._layout.log.unlink(missing_ok=True)
        sync_folder(self._layout.log.parent)

    def _begin_log(self) -> None:
        path = self._layout.log
        header = LogHeader(self._run.started.run, self.generation)
        frames = b"".join(frame for _, frame in self._arrived or ())
        log = LogWriter(path, self._layout.draft(path), header, frames)
        self._close_log()
        self._log = log
        self.written = self.count
        sync_folder(path.parent)

    def _close_log(self) -> None:
        if self._log:
            with suppress(OSError):
                self._log.close()
            self._log = None


def _built(run: RunRecord, generation: int, pump: Callable[[], None]) -> bytes:
    try:
        return image(run, generation, pump)
    except StoreError:
        raise
    except OSError as error:
        raise RuntimeError(f"the results file cannot be built: {error}") from error
