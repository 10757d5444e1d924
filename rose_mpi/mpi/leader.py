"""What spreads the stages of a group's learners over the group; every rank has one, with ranks or without."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, cast

from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.loan_messages import (
    AskLoan,
    Loan,
    LoanOver,
    LoanRefused,
    LoanReturned,
    LoansWanted,
    RecallLoan,
)
from rose_mpi.mpi.loss_messages import Adopt, Inherit, TellAgain
from rose_mpi.mpi.messages import (
    CancelTasks,
    CloseLearner,
    DropArrays,
    KillTask,
    RanksTaken,
    ReleaseRanks,
    RunStage,
    RunTask,
    TakeRanks,
    TaskDropped,
    TaskEnded,
    TaskReport,
    TasksReturned,
)
from rose_mpi.mpi.wide import WideLead
from rose_mpi.policy import Policy
from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import (
    Delay,
    Discard,
    Drop,
    GiveBack,
    HandOver,
    Instruction,
    Kill,
    Lend,
    Recall,
    Report,
    Run,
    RunTogether,
    WantLoans,
)
from rose_mpi.tasks import RankArray, TaskResult


class Leader:
    """Turns messages into events for the dispatcher, and its instructions into messages.

    Attributes
    ----------
    wide:
        Leads what several ranks run together.
    """

    def __init__(
        self,
        channel: Channel,
        later: Callable[[float, Callable[[], None]], None],
        slots: int,
        functions: bool,
        policy: Policy,
    ) -> None:
        self.wide = WideLead(channel, later, self._ended)
        self._channel = channel
        self._later = later
        self._functions = functions
        self._begin = partial(Dispatcher, slots, functions, home=channel.rank, policy=policy)
        self._dispatcher = self._begin()
        self._lent_to: dict[int, int] = {}
        self._ways: Mapping[type, Callable[[Any], None]] = {
            Run: self._run,
            RunTogether: self.wide.start,
            Drop: self._drop,
            Delay: self._delay,
            Kill: self._kill,
            Lend: self._lend,
            GiveBack: self._give_back,
            WantLoans: lambda _: channel.send(COORDINATOR, LoansWanted()),
            Recall: self._recall,
            HandOver: self._hand_over,
            Discard: self._discard,
        }

    def reset(self) -> None:
        """Forget ranks and tasks: some ranks were lost, and all are shared out again."""
        self._dispatcher = self._begin()
        self._lent_to.clear()
        self.wide.reset()

    def inherit(self, message: Inherit) -> None:
        """Begin again with what survived."""
        estate = message.estate
        self._lent_to.update(estate.lent)
        at_hand = estate.at_hand()
        for rank in {*at_hand, *(each.rank for each in estate.running)}:
            attempts = tuple((each.call.id, each.attempt) for each in estate.running if each.rank == rank)
            self._channel.send(rank, Adopt(attempts) if rank in at_hand else TellAgain(attempts))
        self._carry_out(self._dispatcher.inherit(estate, time.time()))

    def take_ranks(self, owner: int, message: TakeRanks) -> None:
        """Ranks belong to this leader: from another one, or at the beginning from the coordinator."""
        if owner != COORDINATOR:
            self._channel.send(COORDINATOR, RanksTaken(owner, len(message.ranks)))
        self._carry_out(self._dispatcher.take(message.ranks))

    def release_ranks(self, message: ReleaseRanks) -> None:
        """Ranks are to belong to another leader."""
        self._carry_out(self._dispatcher.release(message.ranks, message.to))

    def run_stage(self, message: RunStage) -> None:
        """Take the tasks of a stage."""
        self._carry_out(self._dispatcher.submit(message.calls, time.time()))

    def cancel(self, message: CancelTasks) -> None:
        """End tasks that are no longer wanted."""
        self._carry_out(self._dispatcher.cancel(message.tasks))

    def close(self, message: CloseLearner) -> None:
        """A learner is over."""
        self._carry_out(self._dispatcher.close(message.learner))

    def task_ended(self, message: TaskEnded) -> None:
        """A worker ended attempts."""
        self._carry_out(self._dispatcher.finished(message.results, time.time()))

    def tasks_returned(self, rank: int, message: TasksReturned) -> None:
        """A worker gives back what would have to wait there."""
        self._carry_out(self._dispatcher.returned(rank, message.tasks))

    def ask_loan(self, message: AskLoan) -> None:
        """Lend an idle rank, or say that there is none."""
        lend = self._dispatcher.lend(message.borrower)
        if lend:
            self._carry_out([lend])
        else:
            self._channel.send(COORDINATOR, LoanRefused(message.borrower))

    def loan(self, owner: int, message: Loan) -> None:
        """Another leader lends a rank."""
        self._carry_out(self._dispatcher.borrow(message.rank, owner, message.functions))

    def recall_loan(self, message: RecallLoan) -> None:
        """Its owner needs a borrowed rank."""
        self._carry_out(self._dispatcher.recall(message.rank))

    def loan_over(self, message: LoanOver) -> None:
        """A lent rank came back."""
        self._channel.send(COORDINATOR, LoanReturned(self._lent_to.pop(message.rank), message.unsuited))
        self._carry_out(self._dispatcher.take_back(message.rank))

    def claim(self, learner: str, arrays: Iterable[RankArray]) -> RankArray | None:
        """Keep arrays until they are scored; returns the first that is not here."""
        return self._dispatcher.claim(learner, arrays)

    def begin_scoring(self, arrays: Iterable[RankArray]) -> tuple[int, ...]:
        """The ranks that score claimed arrays together; none if none has come yet."""
        return self._dispatcher.begin_scoring(arrays)

    def end_scoring(self, ranks: Collection[int], arrays: Iterable[RankArray]) -> None:
        """The ranks have scored the arrays."""
        self._carry_out(self._dispatcher.end_scoring(ranks, arrays))

    def _ended(self, result: TaskResult) -> None:
        self._carry_out(self._dispatcher.finished((result,), time.time()))

    def _carry_out(self, instructions: Sequence[Instruction]) -> None:
        for kind, group in itertools.groupby(instructions, type):
            if kind is Report:
                self._report(cast("Iterable[Report]", group))
            else:
                for instruction in group:
                    self._ways[kind](instruction)

    def _run(self, run: Run) -> None:
        self._channel.send(run.rank, RunTask(run.call, run.attempt, run.queued, run.keep, waits=run.waits))

    def _report(self, reports: Iterable[Report]) -> None:
        for final, those in itertools.groupby(reports, attrgetter("final")):
            self._channel.send(COORDINATOR, TaskReport(tuple(each.result for each in those), final))

    def _drop(self, drop: Drop) -> None:
        self._channel.send(COORDINATOR, TaskDropped(drop.task))

    def _delay(self, delay: Delay) -> None:
        self._later(delay.seconds, lambda: self._carry_out(self._dispatcher.repeat(delay.task)))

    def _kill(self, kill: Kill) -> None:
        if not self.wide.cancel(kill.task):
            self._channel.send(kill.rank, KillTask(kill.task, kill.attempt))

    def _lend(self, lend: Lend) -> None:
        self._lent_to[lend.rank] = lend.borrower
        self._channel.send(lend.borrower, Loan(lend.rank, self._functions))

    def _give_back(self, back: GiveBack) -> None:
        self._channel.send(back.owner, LoanOver(back.rank, back.unsuited))

    def _recall(self, recall: Recall) -> None:
        self._channel.send(recall.borrower, RecallLoan(recall.rank))

    def _hand_over(self, over: HandOver) -> None:
        self._channel.send(over.to, TakeRanks(over.ranks))

    def _discard(self, discard: Discard) -> None:
        self._channel.send(discard.rank, DropArrays(discard.keys))
