"""Which of the waiting tasks suits a rank."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from rose_mpi.scheduling.backlog import AHEAD, FURTHER_AHEAD, Backlogs
from rose_mpi.scheduling.gathering import WideTasks
from rose_mpi.scheduling.roster import Roster
from rose_mpi.scheduling.turns import Turns, Waiting


class Suiting:
    """Takes the next task for a rank, to run there now or to wait there.

    Parameters
    ----------
    functions:
        Whether the leader's own ranks may run Python functions.
    learners:
        Those that the leader serves at present.
    """

    def __init__(
        self,
        turns: Turns,
        roster: Roster,
        backlogs: Backlogs,
        wide: WideTasks,
        functions: bool,
        learners: Collection[str],
    ) -> None:
        self._turns = turns
        self._roster = roster
        self._backlogs = backlogs
        self._wide = wide
        self._functions = functions
        self._learners = learners

    def next_now(self, rank: int) -> Waiting | None:
        """Take the next task for a rank that is ready; its functions run one after another."""
        functions = self._takes_functions(rank) and not self._roster.runs_function(rank)
        if not functions and self._turns.functions == self._turns.waiting:
            return None
        return self._turns.next(lambda waiting: functions or not waiting.is_function)

    def has_room(self, rank: int) -> bool:
        """Whether any task may wait on a rank."""
        if self._wide.waiting and not self._wide.owed:
            return False
        return self._backlogs.has_room(rank, self._ahead(rank)) and self._roster.may_work(rank)

    def next_later(self, rank: int) -> Waiting | None:
        """Take a task to wait on a rank, unless it is the turn of one that is to begin when it is ready."""
        if not self._turns.waiting:
            return None
        first = self._turns.first
        if self._may_wait(rank, first):
            return self._turns.next(lambda _: True)
        may_run = not first.is_function or self._takes_functions(rank)
        return None if may_run else self._turns.next(partial(self._may_wait, rank))

    def _may_wait(self, rank: int, waiting: Waiting) -> bool:
        """Whether a task may wait on a rank: programs do where nothing else takes a slot."""
        backlog = self._backlogs.of(waiting.is_function)
        ahead = AHEAD if waiting.is_function else self._ahead(rank)
        if not (backlog.has_room(rank, ahead) and backlog.is_short(waiting.call)):
            return False
        if waiting.is_function:
            return self._takes_functions(rank)
        return backlog.given(rank) == self._roster.taken(rank)

    def _ahead(self, rank: int) -> int:
        shared = len(self._learners) > 1 or rank in self._roster.borrowed
        return AHEAD if shared else FURTHER_AHEAD

    def _takes_functions(self, rank: int) -> bool:
        loan = self._roster.borrowed.get(rank)
        return loan.functions if loan else self._functions and not self._wide.bars(rank)
