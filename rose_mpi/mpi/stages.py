"""The stages under way, as the coordinator knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from rose_mpi.mpi.answering import answer
from rose_mpi.tasks import TaskCall, TaskId, TaskResult, runs_in_rank


@dataclass(slots=True, eq=False)
class Stage:
    """What was asked for at a time.

    Attributes
    ----------
    told:
        Whether observers learn of its attempts.
    attempts:
        Which attempt is to come next, of the tasks that failed before.
    cancelled:
        Nobody waits for its tasks.
    given_up:
        It was answered before its end.
    """

    learner: str
    leader: int
    calls: dict[TaskId, TaskCall]
    answer: Future[list[TaskResult]]
    told: bool = True
    results: dict[TaskId, TaskResult] = field(default_factory=dict)
    attempts: dict[TaskId, int] = field(default_factory=dict)
    cancelled: bool = False
    given_up: bool = False


class Stages:
    """Finds the stage of a task that has not come to its end.

    Attributes
    ----------
    programs:
        How many of these tasks are programs.
    """

    def __init__(self) -> None:
        self.programs = 0
        self._of: dict[TaskId, Stage] = {}
        self._untold: set[TaskId] = set()

    def __bool__(self) -> bool:
        return bool(self._of)

    def __iter__(self) -> Iterator[Stage]:
        """Each stage once."""
        return iter({id(stage): stage for stage in self._of.values()}.values())

    @property
    def first(self) -> TaskId:
        """A task that goes on; there must be one."""
        return next(iter(self._of))

    def add(self, stage: Stage) -> None:
        """A stage begins."""
        self._of.update(dict.fromkeys(stage.calls, stage))
        self.programs += sum(not runs_in_rank(call.work) for call in stage.calls.values())
        if not stage.told:
            self._untold.update(stage.calls)

    def get(self, task: TaskId) -> Stage | None:
        """The stage of a task; ``None`` if the task has come to its end."""
        return self._of.get(task)

    def tells(self, task: TaskId) -> bool:
        """Whether observers learn of a task that has not come to its end."""
        return not self._untold or task not in self._untold

    def open_calls(self, stage: Stage) -> Iterator[tuple[TaskCall, int]]:
        """The tasks of a stage that have not come to their end, and the next attempt of each."""
        for task, call in stage.calls.items():
            if self._of.get(task) is stage:
                yield call, stage.attempts.get(task, 0)

    def news(self, results: Iterable[TaskResult]) -> list[TaskResult]:
        """Those of attempts that had not been reported before."""
        news = []
        for result in results:
            stage = self._of.get(result.id)
            if stage and result.attempt >= stage.attempts.get(result.id, 0):
                news.append(result)
        return news

    def repeated(self, result: TaskResult) -> None:
        """An attempt failed, and another one follows."""
        self._of[result.id].attempts[result.id] = result.attempt + 1

    def settle(self, task: TaskId, result: TaskResult | None) -> Stage:
        """Note what came of a task, and answer for its stage if it was the last."""
        stage = self._of.pop(task)
        self.programs -= not runs_in_rank(stage.calls[task].work)
        self._untold.discard(task)
        if result:
            stage.results[task] = result
        if len(stage.results) == len(stage.calls) and not stage.given_up:
            answer(stage.answer, [stage.results[each] for each in stage.calls])
        return stage
