"""`rose-mpi status FILE`: how far a run is, and whether it can go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from rose_mpi.cli.display import live_table
from rose_mpi.cli.record import Record
from rose_mpi.cli.wording import counted, duration
from rose_mpi.errors import StoreError, UsageError
from rose_mpi.events import RunStatus
from rose_mpi.exit_codes import ExitCode
from rose_mpi.layout import Layout
from rose_mpi.store.lock import writer_of
from rose_mpi.store.reader import read_results
from rose_mpi.store.state import RunRecord
from rose_mpi.telling import tell


def status(path: str | Path) -> int:
    """Print how far the run of a results file is.

    Returns
    -------
    int
        0 if it is done, 3 if it ended and a learner failed, 75 if it runs or can be resumed, 1 if the file
        cannot be read.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    layout = Layout(Path(path).absolute())
    if not layout.results.exists():
        raise UsageError(f"there is no results file {path}: check the path")
    try:
        writer = writer_of(layout)
        run = read_results(layout.results)
    except StoreError as error:
        tell(error)
        return ExitCode.INTERNAL_ERROR
    Console(soft_wrap=True, highlight=False).print(overview(run, f"{writer}" if writer else "", time.time()))
    return _code(run, is_written=writer is not None)


def overview(run: RunRecord, writer: str, now: float) -> RenderableType:
    """What a run has come to.

    Parameters
    ----------
    writer:
        Who writes it; empty if nobody does.
    """
    record = Record()
    record.recall(run)
    unfinished = "running" if writer else "not finished"
    return Group(*map(Text, _head(run, writer, now)), live_table([*record.learners.values()], unfinished))


def _head(run: RunRecord, writer: str, now: float) -> Iterator[str]:
    begun = run.started
    yield f"{begun.run}: {_standing(run, writer)}"
    ranks, hosts = counted(begun.ranks, "rank"), counted(len(begun.hosts), "host")
    ago = f"last activity {duration(now - last_activity(run))} ago"
    yield f"{counted(len(run.tasks), 'task')} ended, on {ranks} of {hosts}; {ago}"


def _standing(run: RunRecord, writer: str) -> str:
    failed = sum(learner.status is RunStatus.FAILED for learner in run.learners.values())
    match run.status:
        case RunStatus.DONE:
            return "finished"
        case RunStatus.FAILED:
            return f"finished, {counted(failed, 'learner')} failed; --resume tries them again"
        case _ if writer:
            return f"running, {writer}"
        case RunStatus.STOPPED:
            return "stopped early; go on with --resume"
    return "dead: nobody writes the results any more; go on with --resume"


def last_activity(run: RunRecord) -> float:
    """When the last thing was recorded, in seconds since 1970-01-01."""
    iterations = (state.finished for learner in run.learners.values() for state in learner.iterations[-1:])
    return float(max([run.started.started, *run.tasks.columns["finished"][-1:], *iterations]))


def _code(run: RunRecord, *, is_written: bool) -> ExitCode:
    if run.status is RunStatus.DONE:
        return ExitCode.DONE
    if run.status is RunStatus.FAILED and not is_written:
        return ExitCode.LEARNER_FAILED
    return ExitCode.STOPPED
