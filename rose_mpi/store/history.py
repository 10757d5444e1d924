"""What an earlier part of a run recorded, for the part that goes on."""

from __future__ import annotations

import logging
import math
from array import array
from collections import defaultdict
from dataclasses import replace
from typing import Any

from rose_mpi.events import (
    EnsembleScored,
    Event,
    IterationFinished,
    LearnerFinished,
    RunFinished,
    StopReason,
    TaskFinished,
)
from rose_mpi.iteration import IterationState
from rose_mpi.store.records import TaskRow
from rose_mpi.store.state import LearnerRecord, RunRecord, TaskTable
from rose_mpi.tasks import TaskId

logger = logging.getLogger(__name__)


class History:
    """A run's record as it was when it was read, found by learner, iteration and task.

    Parameters
    ----------
    run:
        The record; ``None`` for a new run, which has no history. It may change afterwards.
    """

    def __init__(self, run: RunRecord | None = None) -> None:
        self._finished = run.finished if run else float("nan")
        self._tasks = run.tasks.copy() if run else TaskTable()
        self._learners = {name: _Learner(learner) for name, learner in run.learners.items()} if run else {}
        self._rows = _by_iteration(self._tasks)
        self._open: dict[str, tuple[int, dict[TaskId, int]]] = {}
        self._goes_on: set[str] = set()

    def attempt(self, task: TaskId) -> TaskRow | None:
        """The last attempt of a task; ``None`` if there was none."""
        row = self._iteration(task.learner, task.iteration).get(task)
        return None if row is None else self._tasks[row]

    def state(self, learner: str, iteration: int) -> IterationState | None:
        """What an iteration came to; ``None`` if it did not end."""
        known = self._learners.get(learner)
        return known.states.get(iteration) if known else None

    def scored(self, learner: str, iteration: int) -> EnsembleScored | None:
        """What the engine chose in an iteration, ended or not; ``None`` if it chose nothing.

        Of an iteration that ended all numbers of its state stand for those that came from the scoring: its
        tasks give theirs again.
        """
        state = self.state(learner, iteration)
        if state:
            return EnsembleScored(
                learner,
                iteration,
                state.selected,
                state.selected_score,
                state.uncertainty,
                state.pool_uncertainty,
                state.candidates,
                state.numbers,
            )
        known = self._learners.get(learner)
        scored = known.scored if known else None
        return scored if scored and scored.iteration == iteration else None

    def failed(self, learner: str) -> bool:
        """Whether a learner ended by an error."""
        known = self._learners.get(learner)
        return known is not None and known.stop_reason is StopReason.ERROR

    def news(self, event: Event) -> Event | None:
        """The event as it is to be told: what is recorded already is none, and keeps its time."""
        match event:
            case TaskFinished(result):
                self._goes_on.add(result.id.learner)
            case IterationFinished(state):
                return None if self._is_known(state) else event
            case LearnerFinished(learner, reason) if learner not in self._goes_on:
                known = self._learners.get(learner)
                if known and (known.stop_reason, known.error) == (reason, event.error):
                    return replace(event, finished=known.finished)
            case RunFinished() if not self._goes_on and not math.isnan(self._finished):
                return replace(event, finished=self._finished)
        return event

    def _is_known(self, state: IterationState) -> bool:
        known = self._learners.get(state.learner)
        recorded = known.told.get(state.iteration) if known else None
        if known is None or recorded is None:
            return False
        if _outcome(recorded) == _outcome(state):
            return True
        logger.warning(
            "%s, iteration %d comes to something else than before the interruption: the program, its tasks "
            "or their files are not the same",
            state.learner,
            state.iteration,
        )
        known.told.clear()
        return False

    def _iteration(self, learner: str, iteration: int) -> dict[TaskId, int]:
        """The last row of each task of an iteration."""
        number, found = self._open.get(learner, (-1, {}))
        if number != iteration:
            rows = self._rows.get((learner, iteration), ())
            found = {self._tasks.task(row): row for row in rows}
            self._open[learner] = iteration, found
        return found


class _Learner:
    """A learner's record; ``told`` are the iterations that need not be told again."""

    def __init__(self, record: LearnerRecord) -> None:
        self.states = {state.iteration: state for state in record.iterations}
        self.told = dict(self.states)
        self.scored = record.scored
        self.stop_reason = record.stop_reason
        self.error = record.error
        self.finished = record.finished


def _by_iteration(tasks: TaskTable) -> dict[tuple[str, int], array[int]]:
    """The rows of each learner's iterations."""
    rows: defaultdict[tuple[str, int], array[int]] = defaultdict(lambda: array("q"))
    for row, key in enumerate(zip(tasks.columns["learner"], tasks.columns["iteration"], strict=True)):
        rows[key].append(row)
    return rows


def _outcome(state: IterationState) -> tuple[Any, ...]:
    """What must be the same again; as text, since NaN differs from itself."""
    numbers = {model: metric for model, metric in state.model_metric.items() if not math.isnan(metric)}
    return (
        repr(state.metric),
        numbers,
        repr(state.uncertainty),
        state.selected,
        repr(state.selected_score),
        state.numbers,
        state.should_stop,
    )
