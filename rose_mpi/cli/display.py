"""Shows a run while it goes on."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rose_mpi.cli.record import LearnerRecord, Record
from rose_mpi.cli.terminal import is_watched
from rose_mpi.cli.wording import NOTHING, counted, first_line, number, reason
from rose_mpi.events import Event, IterationFinished, LearnerFinished, RunStarted, StopReason
from rose_mpi.iteration import IterationState

_MOST_ROWS: Final = 30
_REFRESH_SECONDS: Final = 0.25


class Display:
    """An observer that shows a live table on a terminal, and else one line per iteration.

    Parameters
    ----------
    stream:
        Where to show it.
    quiet:
        Show only what failed.

    Attributes
    ----------
    record:
        What was observed.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.record = Record()
        self._stream = stream or sys.stdout
        self._quiet = quiet
        terminal = is_watched(self._stream)
        console = Console(file=self._stream, force_terminal=terminal, highlight=False)
        live = terminal and not console.is_dumb_terminal and not quiet
        self._live = _LiveTable(console, self._table) if live else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show one event; any thread may call."""
        self.record(event)
        if self._live:
            self._live.changed()
        elif line := self._line(event):
            _write(self._stream, line + "\n")

    def note(self, text: str) -> None:
        """Show a line that belongs to no event, unless the display is quiet."""
        if self._live:
            self._live.print_above(text)
        elif not self._quiet:
            _write(self._stream, text + "\n")

    def _line(self, event: Event) -> str:
        match event:
            case LearnerFinished(learner=name, finished=finished):
                if self._quiet and event.stop_reason is not StopReason.ERROR:
                    return ""
                return f"{self._since_start(finished)} {name}: {self._ending(event)}"
            case IterationFinished(state=state) if not self._quiet:
                return f"{self._since_start(state.finished)} {state.learner}: {self._iteration(state)}"
            case RunStarted() if not self._quiet:
                on = counted(len(event.hosts), "host")
                return (
                    f"{self._since_start(event.started)} {event.run}: {counted(event.ranks, 'rank')} on {on}"
                )
        return ""

    def _since_start(self, when: float) -> str:
        start = self.record.run.started if self.record.run else when
        return f"[{when - start:8.1f} s]"

    def _iteration(self, state: IterationState) -> str:
        learner = self.record.learners.get(state.learner)
        values = {(learner.started.metric_name if learner else "") or "metric": state.metric}
        values |= {"uncertainty": state.uncertainty, **state.numbers}
        words = [f"{name} {number(value)}" for name, value in values.items() if not math.isnan(value)]
        queried = [f"{len(state.selected)} queried"] if state.selected else []
        return ", ".join([f"iteration {state.iteration}", *words, *queried])

    def _ending(self, event: LearnerFinished) -> str:
        learner = self.record.learners.get(event.learner)
        after = f" after {counted(learner.iterations, 'iteration')}" if learner else ""
        error = f": {first_line(event.error)}" if event.error else ""
        return f"{reason(event.stop_reason)}{after}{error}"

    def _table(self) -> RenderableType:
        return live_table(list(self.record.learners.values()))


def live_table(learners: list[LearnerRecord], unfinished: str = "running") -> RenderableType:
    """A row for each learner; where they are too many, for the running ones first, and a count.

    Parameters
    ----------
    unfinished:
        The status of those that have not ended.
    """
    table = Table("learner", box=None, header_style="bold", pad_edge=False)
    for heading in ("iterations", "metric", "uncertainty", "queried", "tasks"):
        table.add_column(heading, justify="right")
    table.add_column("status")
    rows = sorted(learners, key=lambda row: row.end is not None) if len(learners) > _MOST_ROWS else learners
    for row in rows[:_MOST_ROWS]:
        table.add_row(*_row(row, unfinished))
    hidden = rows[_MOST_ROWS:]
    return Group(table, Text(f"… and {len(hidden)} more; {_counts(learners)}")) if hidden else table


def _row(row: LearnerRecord, unfinished: str) -> Iterable[RenderableType]:
    at_most = f"/{row.started.max_iterations}" if row.started.max_iterations > 0 else ""
    status = reason(row.end.stop_reason) if row.end else unfinished
    style = "red" if row.failed else "green" if row.end else ""
    return (
        Text(row.name),
        f"{row.iterations}{at_most}",
        number(row.metric),
        number(row.uncertainty),
        str(row.queried) if row.chooses else NOTHING,
        str(row.tasks),
        Text(status, style),
    )


def _counts(learners: list[LearnerRecord]) -> str:
    running = sum(row.end is None for row in learners)
    failed = sum(row.failed for row in learners)
    return f"{running} running, {len(learners) - running - failed} ended, {failed} failed"


class _LiveTable:
    """Redraws a table after changes, at most every :data:`_REFRESH_SECONDS`; sleeps while nothing changes."""

    def __init__(self, console: Console, table: Callable[[], RenderableType]) -> None:
        self._table = table
        self._live = Live(console=console, auto_refresh=False)
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="display", daemon=True)

    def start(self) -> None:
        self._live.start()
        self._thread.start()

    def changed(self) -> None:
        self._changed.set()

    def print_above(self, text: str) -> None:
        self._live.console.print(Text(text), soft_wrap=True)

    def stop(self) -> None:
        self._stopped.set()
        self._changed.set()
        self._thread.join()
        self._live.update(self._table(), refresh=True)
        self._live.stop()

    def _refresh(self) -> None:
        while not self._stopped.is_set():
            self._changed.wait()
            self._changed.clear()
            self._live.update(self._table(), refresh=True)
            self._stopped.wait(_REFRESH_SECONDS)


def _write(stream: TextIO, line: str) -> None:
    """Write a line at one go, so that lines of several processes do not mix."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        stream.write(line)
        return
    stream.flush()
    os.write(descriptor, line.encode(errors="replace"))
