"""Keeps what the display and the summary show of a run."""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass, field

from rose_mpi.events import (
    Event,
    IterationFinished,
    LearnerFinished,
    LearnerStarted,
    RunStarted,
    StopReason,
    TaskFinished,
    TasksRepeated,
)
from rose_mpi.iteration import IterationState
from rose_mpi.learners.spec import LearnerKind
from rose_mpi.ranking import Standing
from rose_mpi.store.state import RunRecord


@dataclass(slots=True)
class LearnerRecord:
    """What is known of one learner so far."""

    started: LearnerStarted
    iterations: int = 0
    queried: int = 0
    tasks: int = 0
    last: IterationState | None = None
    state: dict[str, float] = field(default_factory=dict)
    end: LearnerFinished | None = None

    @property
    def name(self) -> str:
        """Name of the learner."""
        return self.started.learner

    @property
    def failed(self) -> bool:
        """Whether it ended by an error."""
        return self.end is not None and self.end.stop_reason is StopReason.ERROR

    @property
    def metric(self) -> float:
        """Last value of the stop metric; NaN where there is none."""
        return self.last.metric if self.last else math.nan

    @property
    def uncertainty(self) -> float:
        """Last uncertainty; NaN where there is none."""
        return self.last.uncertainty if self.last else math.nan

    @property
    def chooses(self) -> bool:
        """Whether candidates are chosen here, and not by its own tasks."""
        return self.started.kind == LearnerKind.UQ or self.queried > 0

    def standing(self) -> Standing:
        """What it is ranked by."""
        return Standing(
            learner=self.name,
            met=self.end is not None and self.end.stop_reason is StopReason.CRITERION_MET,
            iterations=self.iterations,
            queried=self.queried,
            metric_name=self.started.metric_name,
            metric=self.metric,
            operator=self.started.operator,
            threshold=self.started.threshold,
        )


class Record:
    """An observer that gathers the events of a run; any thread may call.

    Attributes
    ----------
    learners:
        By name, in the order in which they started.
    """

    def __init__(self) -> None:
        self.run: RunStarted | None = None
        self.learners: dict[str, LearnerRecord] = {}
        self._lock = threading.Lock()

    def recall(self, run: RunRecord) -> None:
        """Take in what an earlier part of the run recorded."""
        tasks = Counter(run.tasks.columns["learner"])
        with self._lock:
            self.run = run.started
            for name, learner in run.learners.items():
                known = self.learners[name] = LearnerRecord(learner.started, tasks=tasks[name])
                for state in learner.iterations:
                    self._iteration(known, state)
                if learner.stop_reason:
                    known.end = LearnerFinished(name, learner.stop_reason, learner.finished, learner.error)

    def __call__(self, event: Event) -> None:
        """Take in one event; those of a learner that never started are passed over."""
        with self._lock:
            self._take_in(event)

    def _take_in(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.run = event
            case LearnerStarted(learner=name):
                known = self.learners.setdefault(name, LearnerRecord(event))
                known.started, known.end = event, None
            case TaskFinished(result=result) if result.id.learner in self.learners:
                self.learners[result.id.learner].tasks += 1
            case TasksRepeated(tasks):
                for task in tasks:
                    self.learners[task.learner].tasks -= 1
            case IterationFinished(state=state) if state.learner in self.learners:
                self._iteration(self.learners[state.learner], state)
            case LearnerFinished(learner=name) if name in self.learners:
                self.learners[name].end = event

    def _iteration(self, learner: LearnerRecord, state: IterationState) -> None:
        learner.last = state
        learner.iterations += 1
        learner.queried += len(state.selected)
        learner.state.update(state.numbers)
