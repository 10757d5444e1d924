"""Which task may be given to which rank."""

from __future__ import annotations

from rose_mpi.scheduling.backlog import Backlogs
from rose_mpi.scheduling.gathering import WideTasks
from rose_mpi.scheduling.roster import Roster
from rose_mpi.scheduling.turns import Waiting


class Suiting:
    """Says which tasks suit a rank, to run there now or to wait there.

    Parameters
    ----------
    functions:
        Whether the leader's own ranks may run Python functions.
    """

    def __init__(self, roster: Roster, backlogs: Backlogs, wide: WideTasks, functions: bool) -> None:
        self._roster = roster
        self._backlogs = backlogs
        self._wide = wide
        self._functions = functions

    def ever(self, rank: int, waiting: Waiting) -> bool:
        """Whether a task may run on a rank once it has a free slot."""
        return not waiting.is_function or self._takes_functions(rank)

    def now(self, rank: int, waiting: Waiting) -> bool:
        """Whether a task may begin on a rank that is ready."""
        return not waiting.is_function or self.takes_function(rank)

    def takes_function(self, rank: int) -> bool:
        """Whether a function may begin on a rank that is ready; its functions run one after another."""
        return self._takes_functions(rank) and not self._roster.runs_function(rank)

    def has_room(self, rank: int) -> bool:
        """Whether any task may wait on a rank."""
        gathers = self._wide.waiting and not self._wide.owed
        return not gathers and self._backlogs.has_room(rank) and self._roster.may_work(rank)

    def later(self, rank: int, waiting: Waiting) -> bool:
        """Whether a task may wait on a rank that has room: programs do where nothing else takes a slot."""
        backlog = self._backlogs.of(waiting.is_function)
        if not (backlog.has_room(rank) and backlog.is_short(waiting.call)):
            return False
        if waiting.is_function:
            return self._takes_functions(rank)
        return backlog.given(rank) == self._roster.taken(rank)

    def _takes_functions(self, rank: int) -> bool:
        loan = self._roster.borrowed.get(rank)
        return loan.functions if loan else self._functions and not self._wide.bars(rank)
