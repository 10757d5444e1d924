"""What a run came to, in one table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rose_mpi.cli.record import LearnerRecord, Record
from rose_mpi.cli.terminal import is_watched
from rose_mpi.cli.wording import NOTHING, counted, number, reason, shortened
from rose_mpi.ranking import Standing, ranked

_MOST_STATES: Final = 4
_MOST_ROWS: Final = 30
_MOST_FAILURES: Final = 10
_MOST_LINES: Final = 12
_PLAIN_WIDTH: Final = 120


def print_summary(record: Record, stream: TextIO) -> None:
    """Print what a run came to."""
    terminal = is_watched(stream)
    width = None if terminal else _PLAIN_WIDTH
    console = Console(file=stream, force_terminal=terminal, width=width, highlight=False)
    console.print(summary(record), soft_wrap=True)


def summary(record: Record) -> RenderableType:
    """A table of the learners, the best of them, and why others failed."""
    learners = list(record.learners.values())
    ranking = ranked(learner.standing() for learner in learners if not learner.failed)
    return Group(
        _table(_shown(learners, ranking), len(learners)),
        *_best(ranking, len(learners)),
        *_failures([learner for learner in learners if learner.failed]),
    )


def _shown(learners: Sequence[LearnerRecord], ranking: Sequence[Standing]) -> Sequence[LearnerRecord]:
    """All learners in their order, or the best ones where they are too many."""
    if len(learners) <= _MOST_ROWS:
        return learners
    rank = {standing.learner: position for position, standing in enumerate(ranking)}
    return sorted(learners, key=lambda learner: rank.get(learner.name, len(rank)))[:_MOST_ROWS]


def _table(learners: Sequence[LearnerRecord], count: int) -> RenderableType:
    states = list(dict.fromkeys(name for learner in learners for name in learner.state))[:_MOST_STATES]
    metrics = list(dict.fromkeys(filter(None, (learner.started.metric_name for learner in learners))))
    metric = metrics[0] if len(metrics) == 1 else "metric"
    table = Table("learner", box=None, header_style="bold", pad_edge=False)
    for heading in ("iterations", "queried", *states, metric):
        table.add_column(Text(heading), justify="right")
    table.add_column("stopped")
    for learner in learners:
        values = [number(learner.state[name]) if name in learner.state else NOTHING for name in states]
        stopped = reason(learner.end.stop_reason) if learner.end else "did not end"
        counts = (str(learner.iterations), str(learner.queried) if learner.chooses else NOTHING)
        table.add_row(Text(learner.name), *counts, *values, number(learner.metric), stopped)
    hidden = count - len(learners)
    return Group(table, Text(f"… and {hidden} more")) if hidden else table


def _best(ranking: Sequence[Standing], learners: int) -> Iterator[RenderableType]:
    if not ranking or learners < 2:
        return
    best = ranking[0]
    has_metric = not math.isnan(best.metric)
    if not best.met and not has_metric:
        return
    met = "met its criterion" if best.met else "no learner met its criterion, it came nearest"
    metric = f", {best.metric_name} {number(best.metric)}" if has_metric else ""
    effort = counted(best.queried, "candidate") + " queried, " if best.queried else ""
    after = f"{effort}{counted(best.iterations, 'iteration')}"
    yield Text.assemble("best: ", (best.learner, "bold"), f" ({met}: {after}{metric})")


def _failures(failed: Sequence[LearnerRecord]) -> Iterator[RenderableType]:
    for learner in failed[:_MOST_FAILURES]:
        error = shortened(learner.end.error, _MOST_LINES) if learner.end else ""
        yield Text.assemble((f"{learner.name} failed", "red"), f": {error}", no_wrap=True, overflow="ignore")
    if len(failed) > _MOST_FAILURES:
        yield Text(f"… and {len(failed) - _MOST_FAILURES} more failed")
