"""A results file and its log as one record, also while the run goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store.contents import Contents, read_file
from rose_mpi.store.log import Log, read_log
from rose_mpi.store.records import decode
from rose_mpi.store.state import RunRecord

_ATTEMPTS: Final = 20
_PAUSE: Final = 0.05


def read_results(path: str | Path) -> RunRecord:
    """Read a run from its results file and the log beside it.

    Raises
    ------
    StoreError
        As :func:`read_saved`.
    """
    return read_saved(path).run


def read_saved(path: str | Path) -> Contents:
    """Read a run from its results file and the log beside it, and how many records that are.

    Raises
    ------
    StoreError
        If there is no such file, it is no results file, it is damaged, or a newer version wrote it.
    """
    layout = Layout(Path(path).absolute())
    for _ in range(_ATTEMPTS):
        # The log first: a file read later holds at least what came before that log.
        log = read_log(layout.log)
        contents = read_file(layout.results)
        if log is None or _belongs(log, contents):
            return _merged(layout, contents, log)
        time.sleep(_PAUSE)
    raise StoreError(
        f"{layout.log} does not belong to {layout.results}: move the log away to read the file alone"
    )


def _belongs(log: Log, contents: Contents) -> bool:
    """Whether they are of one run and no record is missing between them."""
    return log.header.run == contents.run.started.run and log.header.generation <= contents.generation


def _merged(layout: Layout, contents: Contents, log: Log | None) -> Contents:
    if log is None:
        return contents
    later = log.payloads[contents.generation - log.header.generation :]
    try:
        for payload in later:
            contents.run.add(decode(payload))
    except (ValueError, KeyError) as error:
        raise StoreError(f"{layout.log} holds a record that cannot be read: {error}") from error
    return Contents(contents.run, contents.generation + len(later))
