"""What a run has come to, folded from its records one by one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_type_hints

import msgspec

from rose_mpi.events import (
    GroupChanged,
    IterationFinished,
    LearnerFinished,
    LearnerStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    StopReason,
)
from rose_mpi.iteration import IterationState
from rose_mpi.store.records import Record, TaskRow

TaskColumn = MutableSequence[Any]
_TYPECODES: Final = {int: "q", float: "d"}
TASK_TYPES: Final[Mapping[str, type]] = get_type_hints(TaskRow)


class TaskTable:
    """All attempts of all tasks, in the order in which they ended, column by column."""

    def __init__(self) -> None:
        self.columns: dict[str, TaskColumn] = {name: _empty(kind) for name, kind in TASK_TYPES.items()}

    def append(self, row: TaskRow) -> None:
        """Add one attempt."""
        for column, value in zip(self.columns.values(), msgspec.structs.astuple(row), strict=True):
            column.append(value)

    def extend(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add many attempts, given as columns of one length."""
        for name, column in self.columns.items():
            column.extend(columns[name])

    def __len__(self) -> int:
        return len(self.columns["learner"])

    def __getitem__(self, number: int) -> TaskRow:
        return TaskRow(*(column[number] for column in self.columns.values()))

    def __iter__(self) -> Iterator[TaskRow]:
        return (TaskRow(*row) for row in zip(*self.columns.values(), strict=True))


@dataclass(slots=True)
class LearnerRecord:
    """One learner so far; ``stop_reason`` is ``None`` and ``finished`` NaN while it runs."""

    started: LearnerStarted
    iterations: list[IterationState] = field(default_factory=list)
    stop_reason: StopReason | None = None
    error: str = ""
    finished: float = float("nan")

    @property
    def status(self) -> RunStatus:
        """How the learner stands."""
        if self.stop_reason is None:
            return RunStatus.RUNNING
        return _STATUS.get(self.stop_reason, RunStatus.DONE)


@dataclass(slots=True)
class RunRecord:
    """A run so far; ``finished`` is NaN while it runs."""

    started: RunStarted
    status: RunStatus = RunStatus.RUNNING
    finished: float = float("nan")
    learners: dict[str, LearnerRecord] = field(default_factory=dict)
    tasks: TaskTable = field(default_factory=TaskTable)
    _groups: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    def add(self, record: Record) -> None:
        """Take in the next record."""
        match record:
            case TaskRow():
                self.tasks.append(record)
            case IterationFinished(state):
                self.learners[state.learner].iterations.append(state)
            case LearnerStarted(learner):
                group = self._groups.pop(learner, record.group)
                self.learners[learner] = LearnerRecord(replace(record, group=group))
            case GroupChanged(learner, group) if learner in self.learners:
                known = self.learners[learner]
                known.started = replace(known.started, group=group)
            case GroupChanged(learner, group):
                self._groups[learner] = group
            case LearnerFinished(learner):
                ended = self.learners[learner]
                ended.stop_reason, ended.error, ended.finished = (
                    record.stop_reason,
                    record.error,
                    record.finished,
                )
            case RunFinished(status, finished):
                self.status, self.finished = status, finished
            case RunStarted():
                self.started = record


_STATUS: Final = {
    StopReason.ERROR: RunStatus.FAILED,
    StopReason.STOPPED: RunStatus.STOPPED,
    StopReason.WALLTIME: RunStatus.STOPPED,
}


def _empty(kind: type) -> TaskColumn:
    return array(_TYPECODES[kind]) if kind in _TYPECODES else []
