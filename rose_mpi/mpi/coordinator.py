"""Rank 0: knows all groups, sends them what the learners want, and gathers what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from rose_mpi.errors import ScoreError
from rose_mpi.events import Observer, TaskFinished
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import (
    AskLoan,
    CancelTasks,
    GroupGo,
    GroupReady,
    JoinGroup,
    LoanRefused,
    LoanReturned,
    RunStage,
    ScoreEnded,
    ScoreEnsemble,
    TaskDropped,
    TaskReport,
)
from rose_mpi.scheduling.groups import Group, plan_groups
from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.tasks import Function, TaskCall, TaskId, TaskResult
from rose_mpi.uq.scores import ScoreRequest, Scores

T = TypeVar("T")


@dataclass(slots=True)
class _Stage:
    calls: dict[TaskId, TaskCall]
    answer: Future[list[TaskResult]]
    results: dict[TaskId, TaskResult] = field(default_factory=dict)


@dataclass(slots=True)
class _Opening:
    answer: Future[Mapping[str, tuple[int, ...]]]
    groups: dict[int, Group] = field(default_factory=dict)
    missing: set[tuple[int, int]] = field(default_factory=set)


class Coordinator:
    """The state of a run's placement; all its methods run in the engine thread.

    Parameters
    ----------
    ranks:
        The ranks that learners are given.
    helping:
        Whether this rank runs executables of other groups as well.
    """

    def __init__(
        self,
        channel: Channel,
        ranks: Sequence[int],
        *,
        slots: int,
        ranks_per_learner: int | None,
        helping: bool,
        observe: Observer,
    ) -> None:
        self._channel = channel
        self._ranks = tuple(ranks)
        self._slots = slots
        self._ranks_per_learner = ranks_per_learner
        self._helping = helping
        self._observe = observe
        self._lending = Lending()
        self._groups: dict[str, Group] = {}
        self._opening: _Opening | None = None
        self._stages: dict[TaskId, _Stage] = {}
        self._scores: dict[int, Future[Scores]] = {}
        self._numbers = 0

    @property
    def under_way(self) -> str:
        """Something that has not come to its end; empty if nothing is under way."""
        if self._stages:
            return f"task {next(iter(self._stages))}"
        if self._scores:
            return "the scoring of an ensemble"
        return "the forming of groups" if self._opening else ""

    def open(self, learners: Sequence[str], answer: Future[Mapping[str, tuple[int, ...]]]) -> None:
        """Form the groups for the learners; answered when every rank knows its place."""
        groups = plan_groups(self._ranks, learners, self._ranks_per_learner)
        self._groups = {learner: group for group in groups for learner in group.learners}
        self._opening = _Opening(answer)
        for group in groups:
            self._form(self._opening, group, functions=True)
        if self._helping:
            self._form(self._opening, Group((self._channel.rank,), ()), functions=False)

    def run_stage(self, calls: Sequence[TaskCall], answer: Future[list[TaskResult]]) -> None:
        """Send a stage to the leader of its learner's group."""
        if not calls:
            _answer(answer, [])
            return
        stage = _Stage({call.id: call for call in calls}, answer)
        self._stages.update(dict.fromkeys(stage.calls, stage))
        leader = self._groups[calls[0].id.learner].leader
        self._channel.send(leader, RunStage(tuple(calls)))
        functions = sum(isinstance(call.work, Function) for call in calls)
        self._ask(self._lending.sent(leader, len(calls) - functions, functions))

    def cancel(self, calls: Sequence[TaskCall]) -> None:
        """End the tasks of a stage that nobody waits for any more."""
        tasks = tuple(call.id for call in calls if call.id in self._stages)
        if tasks:
            self._channel.send(self._groups[tasks[0].learner].leader, CancelTasks(tasks))

    def score(self, request: ScoreRequest, answer: Future[Scores]) -> None:
        """Have the learner's group score its ensemble."""
        self._numbers += 1
        self._scores[self._numbers] = answer
        leader = self._groups[request.learner].leader
        self._channel.send(leader, ScoreEnsemble(self._numbers, request))

    def group_ready(self, rank: int, message: GroupReady) -> None:
        """A member is ready; when all are, the communicators are created and learners may begin."""
        opening = self._opening
        if opening is None:
            raise RuntimeError(f"rank {rank} is ready for a group that nobody forms")
        opening.missing.discard((message.number, rank))
        if opening.missing:
            return
        for number, group in opening.groups.items():
            for member in group.ranks:
                self._channel.send(member, GroupGo(number))
        self._opening = None
        _answer(opening.answer, {learner: group.ranks for learner, group in self._groups.items()})

    def task_report(self, leader: int, message: TaskReport) -> None:
        """An attempt ended; its stage is complete with the last final one."""
        self._observe(TaskFinished(message.result))
        if message.final:
            self._settle(leader, message.result.id, message.result)

    def task_dropped(self, leader: int, message: TaskDropped) -> None:
        """A cancelled task never began."""
        self._settle(leader, message.task, None)

    def loan_refused(self, owner: int, message: LoanRefused) -> None:
        """A group has no idle rank after all."""
        self._ask(self._lending.refused(owner, message.borrower))

    def loan_returned(self, owner: int, message: LoanReturned) -> None:
        """A group has its rank back."""
        self._ask(self._lending.returned(owner, message.borrower, message.unsuited))

    def score_ended(self, message: ScoreEnded) -> None:
        """An ensemble was scored, or could not be."""
        answer = self._scores.pop(message.number)
        if message.scores is None:
            _refuse(answer, ScoreError(message.error))
        else:
            _answer(answer, message.scores)

    def _form(self, opening: _Opening, group: Group, functions: bool) -> None:
        self._numbers += 1
        opening.groups[self._numbers] = group
        for rank in group.ranks:
            opening.missing.add((self._numbers, rank))
            self._channel.send(rank, JoinGroup(self._numbers, group, functions))
        self._lending.add(group.leader, len(group.ranks), self._slots, functions)

    def _settle(self, leader: int, task: TaskId, result: TaskResult | None) -> None:
        stage = self._stages.pop(task)
        function = isinstance(stage.calls[task].work, Function)
        self._ask(self._lending.ended(leader, not function, function))
        if result:
            stage.results[task] = result
        if len(stage.results) == len(stage.calls):
            results = [stage.results[task] for task in stage.calls]
            _answer(stage.answer, results)

    def _ask(self, loans: Sequence[AskToLend]) -> None:
        for loan in loans:
            self._channel.send(loan.owner, AskLoan(loan.borrower))


def _answer(future: Future[T], value: T) -> None:
    """Answer, unless the one who asked has turned away meanwhile."""
    if future.set_running_or_notify_cancel():
        future.set_result(value)


def _refuse(future: Future[T], error: Exception) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
