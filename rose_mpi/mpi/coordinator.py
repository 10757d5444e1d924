"""Rank 0: knows who serves whom, sends leaders what the learners want, and gathers what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from rose_mpi.errors import TaskError, UsageError
from rose_mpi.events import GroupChanged, Observer, RankLost, TaskFinished
from rose_mpi.mpi.answering import answer, refuse
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.loan_messages import AskLoan, LoanRefused, LoanReturned
from rose_mpi.mpi.loss_messages import Census, Inherit, KeepArrays, Regroup
from rose_mpi.mpi.messages import (
    CancelTasks,
    CloseLearner,
    RanksTaken,
    ReleaseRanks,
    RunStage,
    ScoreEnded,
    StopRequested,
    TakeRanks,
    TaskDropped,
    TaskReport,
)
from rose_mpi.mpi.predictions import Predictions
from rose_mpi.mpi.recovery import Recovery
from rose_mpi.mpi.stages import Stage, Stages
from rose_mpi.policy import Policy
from rose_mpi.scheduling.failures import FailureLimits
from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.scheduling.placement import Placement
from rose_mpi.tasks import RankArray, TaskCall, TaskId, TaskResult, runs_in_rank
from rose_mpi.uq.scores import ScoreRequest, Scores


class Coordinator:
    """The state of a run's placement; all its methods run in the engine thread.

    Parameters
    ----------
    ranks:
        The ranks that learners are given.
    helping:
        Whether this rank runs executables of other groups as well.
    regroup:
        Has this rank itself regroup.
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
        regroup: Callable[[Regroup], None],
    ) -> None:
        self._channel = channel
        self._ranks = tuple(ranks)
        self._helping = helping
        self._observe = observe
        self._placement = Placement(ranks, ranks_per_learner)
        self._lending = Lending(slots)
        self._limits = FailureLimits(policy.max_failures, policy.max_failures_per_learner)
        self._stages = Stages()
        make_again = partial(self.run_stage, told=False)
        self._predictions = Predictions(channel, self._placement.leader, make_again, self.carry_out)
        self._recovery = Recovery(
            channel, self._placement, self._lending, self._stages, self._predictions, regroup, helping
        )
        self._deferred: list[Callable[[], None]] = []
        self._stuck = ""

    @property
    def under_way(self) -> str:
        """Something that has not come to its end; empty if nothing is under way."""
        if self._stages and not self._stuck:
            return f"task {self._stages.first}"
        return self._stuck or ("the scoring of an ensemble" if self._predictions else "")

    @property
    def runs_programs(self) -> bool:
        """Whether a task under way is a program."""
        return self._stages.programs > 0

    def carry_out(self, wish: Callable[[], None]) -> None:
        """Do what a learner wishes, but not before lost ranks have been replaced."""
        if self._recovery.awaits:
            self._deferred.append(wish)
        else:
            wish()

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

    def open(self, learners: Sequence[str], future: Future[Mapping[str, tuple[int, ...]]]) -> None:
        """Find ranks for new learners; answered at once, the ranks may come later."""
        try:
            placed = self._placement.open(learners)
        except UsageError as error:
            refuse(future, error)
            return
        for move in placed.moves:
            self._channel.send(move.owner, ReleaseRanks(move.ranks, move.to))
        for learner, ranks in placed.changed.items():
            self._observe(GroupChanged(learner, ranks))
        answer(future, placed.groups)

    def close(self, learner: str) -> None:
        """A learner is over, if it was open."""
        if self._placement.is_open(learner):
            self._channel.send(self._placement.leader(learner), CloseLearner(learner))
            self._placement.close(learner)
            self._predictions.close(learner)

    def run_stage(
        self, calls: Sequence[TaskCall], future: Future[list[TaskResult]], *, told: bool = True
    ) -> None:
        """Send a stage to its learner's leader; observers learn nothing of it unless ``told``."""
        if not calls:
            answer(future, [])
            return
        try:
            leader = self._placement.leader(calls[0].id.learner)
        except UsageError as error:
            refuse(future, error)
            return
        if reason := self._limits.reached(calls[0].id.learner):
            refuse(future, TaskError(reason))
            return
        widest = max(calls, key=lambda call: call.work.ranks)
        ranks = self._placement.secure(widest.id.learner, widest.work.ranks)
        if widest.work.ranks > ranks:
            refuse(future, TaskError(self._too_wide(widest, ranks)))
            return
        stage = Stage(calls[0].id.learner, leader, {call.id: call for call in calls}, future, told)
        self._stages.add(stage)
        self._channel.send(leader, RunStage(tuple(calls)))
        self._ask(self._lending.sent(leader, *_loads(calls)))

    def cancel(self, calls: Sequence[TaskCall]) -> None:
        """End the tasks of a stage that nobody waits for any more."""
        tasks = tuple(call.id for call in calls if self._stages.get(call.id))
        stage = self._stages.get(tasks[0]) if tasks else None
        if stage:
            stage.cancelled = True
            self._channel.send(stage.leader, CancelTasks(tasks))

    def cancel_all(self) -> None:
        """End all tasks: the run is over, and nobody waits for them."""
        for stage in self._stages:
            self.cancel(tuple(stage.calls.values()))

    def score(self, request: ScoreRequest, future: Future[Scores]) -> None:
        """Have the ranks of the learner's group score its ensemble."""
        self._predictions.score(request, future)

    def ranks_taken(self, leader: int, message: RanksTaken) -> None:
        """Ranks have come to another leader."""
        self._ask(self._lending.moved(message.owner, leader, message.ranks))

    def task_report(self, message: TaskReport) -> None:
        """Attempts ended; a stage is complete with its last final one."""
        results = self._stages.news(message.results) if self._channel.epoch else message.results
        for result in results:
            if self._stages.tells(result.id):
                self._observe(TaskFinished(result))
            if self._limits.note(result):
                self._give_up()
        if message.final:
            self._settle([(result.id, result) for result in results])
        else:
            for result in results:
                self._stages.repeated(result)
        if message.stuck:
            self._end_without(f"task {message.results[0].id}")

    def task_dropped(self, message: TaskDropped) -> None:
        """A cancelled task never began."""
        if self._stages.get(message.task):
            self._settle([(message.task, None)])

    def lost(self, rank: int, host: str, reason: str) -> None:
        """A rank is gone: go on without it, where the MPI library can."""
        if rank not in self._recovery.survivors or self._stuck:
            return
        self._observe(RankLost(rank, host, reason, time.time()))
        if not self._channel.tolerates_faults:
            self._end_without(f"rank {rank}")
        elif self._recovery.is_last(rank):
            self._end_without(f"rank {rank}, the last one that served learners,")
        else:
            for learner, ranks in self._recovery.lost(rank).items():
                self._observe(GroupChanged(learner, ranks))

    def give_up_recovery(self, epoch: int) -> None:
        """End the job in order if it has not gone on since so many losses."""
        if self._recovery.awaits and epoch == self._channel.epoch:
            self._end_without("the loss of a rank")

    def census(self, rank: int, message: Census) -> None:
        """A survivor says what it has; with the last one all are divided among the leaders."""
        if not self._recovery.answered(rank, message):
            return
        self._recovery.dismiss()
        for stage, error in self._recovery.hopeless():
            self._end_stage(stage, error)
        self._recovery.dismiss()
        estates = self._recovery.rebuild()
        for survivor, keys in self._recovery.kept(estates).items():
            self._channel.send(survivor, KeepArrays(keys))
        for leader, estate in estates.items():
            self._channel.send(leader, Inherit(estate))
        for stage in self._stages:
            calls = [call for call, _ in self._stages.open_calls(stage)]
            self._ask(self._lending.sent(stage.leader, *_loads(calls)))
        self._predictions.score_again()
        wishes, self._deferred = self._deferred, []
        for wish in wishes:
            wish()

    def loan_refused(self, owner: int, message: LoanRefused) -> None:
        """A group has no idle rank after all."""
        self._ask(self._lending.refused(owner, message.borrower))

    def loan_returned(self, owner: int, message: LoanReturned) -> None:
        """A group has its rank back."""
        self._ask(self._lending.returned(owner, message.borrower, message.unsuited))

    def loans_wanted(self, leader: int) -> None:
        """Something waits in a group for which ranks may do that it gave back as unsuited."""
        self._ask(self._lending.wanted(leader))

    def score_ended(self, message: ScoreEnded) -> None:
        """An ensemble was scored, or could not be."""
        self._predictions.ended(message)

    def _give_up(self) -> None:
        """End the stages of learners that have reached a limit."""
        for stage in self._stages:
            if reason := self._limits.reached(stage.learner):
                self._end_stage(stage, reason)

    def _end_stage(self, stage: Stage, reason: str) -> None:
        """Let a stage fail."""
        if not stage.given_up:
            stage.given_up = True
            refuse(stage.answer, TaskError(reason))
            self.cancel(tuple(stage.calls.values()))

    def _end_without(self, what: str) -> None:
        """End the job in order, without waiting for something that has no end."""
        self._stuck = what
        self._channel.send(self._channel.rank, StopRequested())

    def _settle(self, ended: Sequence[tuple[TaskId, TaskResult | None]]) -> None:
        """Note what came of tasks, and complete their stages."""
        calls: dict[int, list[TaskCall]] = {}
        for task, result in ended:
            stage = self._stages.settle(task, result)
            call = stage.calls[task]
            calls.setdefault(stage.leader, []).append(call)
            if result and isinstance(result.value, RankArray):
                self._predictions.note(call, result.value)
        for leader, those in calls.items():
            self._ask(self._lending.ended(leader, *_loads(those)))

    def _too_wide(self, call: TaskCall, ranks: int) -> str:
        wanted = call.work.ranks
        remedy = f"set ranks_per_learner = {wanted}, or let fewer learners run at a time"
        if wanted > len(self._ranks):
            remedy = f"start the job with mpirun -n {wanted + 1} or more (rank 0 coordinates)"
        size = "1 rank" if ranks == 1 else f"{ranks} ranks"
        return f"task {call.id} needs ranks = {wanted}, but its learner's group has {size}: {remedy}"

    def _ask(self, loans: Sequence[AskToLend]) -> None:
        for loan in () if self._recovery.awaits else loans:
            self._channel.send(loan.owner, AskLoan(loan.borrower))


def _loads(calls: Sequence[TaskCall]) -> tuple[int, int, int]:
    """Executables and functions of one rank each, and the ranks that all others need."""
    narrow = [runs_in_rank(call.work) for call in calls if call.work.ranks == 1]
    functions = sum(narrow)
    wide = 0 if len(narrow) == len(calls) else sum(call.work.ranks for call in calls if call.work.ranks > 1)
    return len(narrow) - functions, functions, wide
