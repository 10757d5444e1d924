"""Rank 0: knows who serves whom, sends leaders what the learners want, and gathers what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from rose_mpi.errors import ScoreError, TaskError, UsageError
from rose_mpi.events import GroupChanged, Observer, TaskFinished
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.loan_messages import AskLoan, LoanRefused, LoanReturned
from rose_mpi.mpi.messages import (
    CancelTasks,
    CloseLearner,
    RanksTaken,
    ReleaseRanks,
    RunStage,
    ScoreEnded,
    ScoreEnsemble,
    StopRequested,
    TakeRanks,
    TaskDropped,
    TaskReport,
)
from rose_mpi.policy import Policy
from rose_mpi.scheduling.failures import FailureLimits
from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.scheduling.placement import Placement
from rose_mpi.tasks import TaskCall, TaskId, TaskResult, runs_in_rank
from rose_mpi.uq.scores import ScoreRequest, Scores

T = TypeVar("T")


@dataclass(slots=True)
class _Stage:
    leader: int
    calls: dict[TaskId, TaskCall]
    answer: Future[list[TaskResult]]
    results: dict[TaskId, TaskResult] = field(default_factory=dict)
    given_up: bool = False


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
        policy: Policy,
        observe: Observer,
    ) -> None:
        self._channel = channel
        self._ranks = tuple(ranks)
        self._helping = helping
        self._observe = observe
        self._placement = Placement(ranks, ranks_per_learner)
        self._lending = Lending(slots)
        self._limits = FailureLimits(policy.max_failures, policy.max_failures_per_learner)
        self._stages: dict[TaskId, _Stage] = {}
        self._scores: dict[int, Future[Scores]] = {}
        self._numbers = 0
        self._stuck = ""

    @property
    def under_way(self) -> str:
        """Something that has not come to its end; empty if nothing is under way."""
        if self._stages:
            return f"task {next(iter(self._stages))}"
        return "the scoring of an ensemble" if self._scores else self._stuck

    def begin(self) -> None:
        """Give all ranks to their first leaders; behind the welcome and before all else."""
        first, *others = self._ranks
        for rank in others:
            self._lending.add(rank, 0)
        self._lending.add(first, len(self._ranks))
        self._channel.send(first, TakeRanks(self._ranks))
        if self._helping:
            self._lending.add(self._channel.rank, 1, functions=False)
            self._channel.send(self._channel.rank, TakeRanks((self._channel.rank,)))

    def open(self, learners: Sequence[str], answer: Future[Mapping[str, tuple[int, ...]]]) -> None:
        """Find ranks for new learners; answered at once, the ranks may come later."""
        try:
            placed = self._placement.open(learners)
        except UsageError as error:
            _refuse(answer, error)
            return
        for move in placed.moves:
            self._channel.send(move.owner, ReleaseRanks(move.ranks, move.to))
        for learner, ranks in placed.changed.items():
            self._observe(GroupChanged(learner, ranks))
        _answer(answer, placed.groups)

    def close(self, learner: str) -> None:
        """A learner is over, if it was open."""
        if self._placement.is_open(learner):
            self._channel.send(self._placement.leader(learner), CloseLearner(learner))
            self._placement.close(learner)

    def run_stage(self, calls: Sequence[TaskCall], answer: Future[list[TaskResult]]) -> None:
        """Send a stage to its learner's leader."""
        if not calls:
            _answer(answer, [])
            return
        try:
            leader = self._placement.leader(calls[0].id.learner)
        except UsageError as error:
            _refuse(answer, error)
            return
        reason = self._limits.reached(calls[0].id.learner)
        if reason:
            _refuse(answer, TaskError(reason))
            return
        widest = max(calls, key=lambda call: call.work.ranks)
        ranks = self._placement.secure(widest.id.learner, widest.work.ranks)
        if widest.work.ranks > ranks:
            _refuse(answer, TaskError(self._too_wide(widest, ranks)))
            return
        stage = _Stage(leader, {call.id: call for call in calls}, answer)
        self._stages.update(dict.fromkeys(stage.calls, stage))
        self._channel.send(leader, RunStage(tuple(calls)))
        self._ask(self._lending.sent(leader, *_loads(calls)))

    def cancel(self, calls: Sequence[TaskCall]) -> None:
        """End the tasks of a stage that nobody waits for any more."""
        tasks = tuple(call.id for call in calls if call.id in self._stages)
        if tasks:
            self._channel.send(self._stages[tasks[0]].leader, CancelTasks(tasks))

    def cancel_all(self) -> None:
        """End all tasks: the run is over, and nobody waits for them."""
        for stage in {id(stage): stage for stage in self._stages.values()}.values():
            self.cancel(tuple(stage.calls.values()))

    def score(self, request: ScoreRequest, answer: Future[Scores]) -> None:
        """Have the ranks of the learner's group score its ensemble."""
        try:
            leader = self._placement.leader(request.learner)
        except UsageError as error:
            _refuse(answer, error)
            return
        self._numbers += 1
        self._scores[self._numbers] = answer
        self._channel.send(leader, ScoreEnsemble(self._numbers, request))

    def ranks_taken(self, leader: int, message: RanksTaken) -> None:
        """Ranks have come to another leader."""
        self._ask(self._lending.moved(message.owner, leader, message.ranks))

    def task_report(self, leader: int, message: TaskReport) -> None:
        """Attempts ended; a stage is complete with its last final one."""
        for result in message.results:
            self._observe(TaskFinished(result))
            if self._limits.note(result):
                self._give_up()
        if message.final:
            ended = [self._settle(result.id, result) for result in message.results]
            self._ask(self._lending.ended(leader, *_loads(ended)))
        if message.stuck:
            self._stuck = f"task {message.results[0].id}"
            self._channel.send(self._channel.rank, StopRequested())

    def task_dropped(self, leader: int, message: TaskDropped) -> None:
        """A cancelled task never began."""
        self._ask(self._lending.ended(leader, *_loads([self._settle(message.task, None)])))

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

    def _give_up(self) -> None:
        """End the stages of learners that have reached a limit."""
        for stage in {id(stage): stage for stage in self._stages.values()}.values():
            calls = tuple(stage.calls.values())
            reason = self._limits.reached(calls[0].id.learner)
            if reason and not stage.given_up:
                stage.given_up = True
                _refuse(stage.answer, TaskError(reason))
                self.cancel(calls)

    def _settle(self, task: TaskId, result: TaskResult | None) -> TaskCall:
        """Note what came of a task, and complete its stage if it was the last."""
        stage = self._stages.pop(task)
        if result:
            stage.results[task] = result
        if len(stage.results) == len(stage.calls) and not stage.given_up:
            _answer(stage.answer, [stage.results[each] for each in stage.calls])
        return stage.calls[task]

    def _too_wide(self, call: TaskCall, ranks: int) -> str:
        wanted = call.work.ranks
        remedy = f"set ranks_per_learner = {wanted}, or let fewer learners run at a time"
        if wanted > len(self._ranks):
            remedy = f"start the job with mpirun -n {wanted + 1} or more (rank 0 coordinates)"
        size = "1 rank" if ranks == 1 else f"{ranks} ranks"
        return f"task {call.id} needs ranks = {wanted}, but its learner's group has {size}: {remedy}"

    def _ask(self, loans: Sequence[AskToLend]) -> None:
        for loan in loans:
            self._channel.send(loan.owner, AskLoan(loan.borrower))


def _loads(calls: Sequence[TaskCall]) -> tuple[int, int, int]:
    """Executables and functions of one rank each, and the ranks that all others need."""
    narrow = [runs_in_rank(call.work) for call in calls if call.work.ranks == 1]
    functions = sum(narrow)
    wide = 0 if len(narrow) == len(calls) else sum(call.work.ranks for call in calls if call.work.ranks > 1)
    return len(narrow) - functions, functions, wide


def _answer(future: Future[T], value: T) -> None:
    """Answer, unless the one who asked has turned away meanwhile."""
    if future.set_running_or_notify_cancel():
        future.set_result(value)


def _refuse(future: Future[T], error: Exception) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
