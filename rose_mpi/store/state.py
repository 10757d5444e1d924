"""What a run has come to, folded from its records one by one."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_type_hints

import msgspec

from rose_mpi.events import (
    EnsembleScored,
    GroupChanged,
    IterationFinished,
    LearnerFinished,
    LearnerStarted,
    RankLost,
    RunFinished,
    RunStarted,
    RunStatus,
    StopReason,
    TasksRepeated,
)
from rose_mpi.iteration import IterationState
from rose_mpi.store.records import Record, TaskRow
from rose_mpi.tasks import TaskId

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

    def remove(self, tasks: Collection[TaskId]) -> None:
        """Remove all attempts of tasks that ended lately; of each the attempt 0 is there."""
        wanted, learner = set(tasks), self.columns["learner"]
        learners = {task.learner for task in tasks}
        for number in range(len(self) - 1, -1, -1):
            if not wanted:
                return
            if learner[number] in learners and (task := self.task(number)) in tasks:
                if self.columns["attempt"][number] == 0:
                    wanted.discard(task)
                for column in self.columns.values():
                    del column[number]

    def task(self, number: int) -> TaskId:
        """The task that an attempt belongs to."""
        column = self.columns
        return TaskId(
            column["learner"][number],
            column["iteration"][number],
            column["stage"][number],
            column["index"][number],
            column["model"][number],
        )

    def copy(self) -> TaskTable:
        """The same attempts in a table of its own."""
        table = TaskTable()
        table.columns = {name: column[:] for name, column in self.columns.items()}
        return table

    def __len__(self) -> int:
        return len(self.columns["learner"])

    def __getitem__(self, number: int) -> TaskRow:
        return TaskRow(*(column[number] for column in self.columns.values()))

    def __iter__(self) -> Iterator[TaskRow]:
        return (TaskRow(*row) for row in zip(*self.columns.values(), strict=True))


@dataclass(slots=True)
class LearnerRecord:
    """One learner so far; ``stop_reason`` is ``None`` and ``finished`` NaN while it runs.

    Attributes
    ----------
    scored:
        What was chosen in an iteration that has not ended; ``None`` where nothing was.
    """

    started: LearnerStarted
    iterations: list[IterationState] = field(default_factory=list)
    scored: EnsembleScored | None = None
    stop_reason: StopReason | None = None
    error: str = ""
    finished: float = float("nan")

    @property
    def status(self) -> RunStatus:
        """How the learner stands."""
        if self.stop_reason is None:
            return RunStatus.RUNNING
        return _STATUS.get(self.stop_reason, RunStatus.DONE)

    def begin(self, started: LearnerStarted) -> None:
        """Begin again after an interruption; what was done stays."""
        self.started, self.stop_reason, self.error, self.finished = started, None, "", float("nan")

    def end_iteration(self, state: IterationState) -> None:
        """Take in an iteration; one of its number gives way, with all that follow."""
        self.scored = None
        while self.iterations and self.iterations[-1].iteration >= state.iteration:
            self.iterations.pop()
        self.iterations.append(state)


@dataclass(slots=True)
class RunRecord:
    """A run so far.

    Attributes
    ----------
    finished:
        NaN while it runs.
    lost:
        The ranks that were lost, in that order.
    """

    started: RunStarted
    status: RunStatus = RunStatus.RUNNING
    finished: float = float("nan")
    learners: dict[str, LearnerRecord] = field(default_factory=dict)
    tasks: TaskTable = field(default_factory=TaskTable)
    lost: list[RankLost] = field(default_factory=list)
    _awaited: set[str] = field(default_factory=set, repr=False, compare=False)
    _groups: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    def add(self, record: Record) -> None:
        """Take in the next record."""
        match record:
            case TaskRow():
                self.tasks.append(record)
            case TasksRepeated(tasks):
                self.tasks.remove(tasks)
            case EnsembleScored(learner):
                self.learners[learner].scored = record
            case IterationFinished(state):
                self.learners[state.learner].end_iteration(state)
            case LearnerStarted(learner):
                self._begin(replace(record, group=self._groups.pop(learner, record.group)))
            case GroupChanged(learner, group) if learner in self.learners and learner not in self._awaited:
                known = self.learners[learner]
                known.started = replace(known.started, group=group)
            case GroupChanged(learner, group):
                self._groups[learner] = group
            case RankLost():
                self.lost.append(record)
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
                self.started, self.status, self.finished = record, RunStatus.RUNNING, float("nan")
                self._awaited = set(self.learners)

    def _begin(self, learner: LearnerStarted) -> None:
        self._awaited.discard(learner.learner)
        known = self.learners.get(learner.learner)
        if known:
            known.begin(learner)
        else:
            self.learners[learner.learner] = LearnerRecord(learner)


_STATUS: Final = {
    StopReason.ERROR: RunStatus.FAILED,
    StopReason.STOPPED: RunStatus.STOPPED,
    StopReason.WALLTIME: RunStatus.STOPPED,
}


def _empty(kind: type) -> TaskColumn:
    return array(_TYPECODES[kind]) if kind in _TYPECODES else []
