"""Tasks that need several ranks at the same time: how they come by them."""

from __future__ import annotations

from dataclasses import dataclass, field

from rose_mpi.policy import Order
from rose_mpi.scheduling.roster import Roster
from rose_mpi.scheduling.turns import Turns, Waiting
from rose_mpi.tasks import TaskId


@dataclass(slots=True)
class _Gathering:
    """A task that keeps each rank that becomes free, until it has enough."""

    waiting: Waiting
    ranks: dict[int, None] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        return self.waiting.call.work.ranks


class WideTasks:
    """Waiting tasks of several ranks.

    One at a time gathers ranks, so that no two wait for each other's. It keeps each rank of the leader's own
    that has a free slot, and begins when it has enough: after the tasks at most that ran there when it began
    to gather. A function takes no rank on which another function runs or waits, and none may come to one that
    gathers or to its ranks. After a task of k ranks the others may begin k tasks before the next one gathers.

    Parameters
    ----------
    roster:
        Whose slots are taken and given back here.

    Attributes
    ----------
    waiting:
        How many tasks wait, the one that gathers included.
    owed:
        Tasks of one rank that may begin before the next gathers.
    """

    def __init__(self, roster: Roster, order: Order) -> None:
        self.waiting = 0
        self.owed = 0
        self._roster = roster
        self._turns = Turns(order)
        self._gathering: _Gathering | None = None
        self._closed: set[int] = set()

    @property
    def gathers(self) -> bool:
        """Whether a task has some of its ranks, and waits for the others."""
        return self._gathering is not None

    def add(self, waiting: Waiting, first: bool) -> None:
        """Let a task wait."""
        self._turns.add(waiting, first)
        self.waiting += 1

    def remove(self, task: TaskId) -> bool:
        """Forget a task, its ranks free again; whether it was waiting here."""
        gathering = self._gathering
        if gathering and gathering.waiting.call.id == task:
            for rank in gathering.ranks:
                self._roster.vacate(rank, gathering.waiting.is_function)
            self._gathering = None
        elif not self._turns.remove(task):
            return False
        self.waiting -= 1
        return True

    def gather(self, others_wait: bool) -> tuple[Waiting, tuple[int, ...]] | None:
        """Keep free ranks; returns a task that has all its ranks, and these in their order.

        Parameters
        ----------
        others_wait:
            Whether tasks of one rank wait as well.
        """
        free = self._roster.ready_of_own()
        if free and not self._gathering and not (others_wait and self.owed):
            self._begin()
        gathering = self._gathering
        if gathering is None:
            return None
        function = gathering.waiting.is_function
        for rank in free:
            if len(gathering.ranks) == gathering.wanted:
                break
            if rank not in gathering.ranks and not (function and self._roster.runs_function(rank)):
                self._roster.occupy(rank, function)
                gathering.ranks[rank] = None
        if len(gathering.ranks) < gathering.wanted:
            return None
        self._gathering = None
        self.waiting -= 1
        self.owed = gathering.wanted
        if function:
            self._closed.update(gathering.ranks)
        return gathering.waiting, tuple(sorted(gathering.ranks))

    def leave(self, rank: int) -> None:
        """A rank is about to leave: do not keep it for what gathers."""
        gathering = self._gathering
        if gathering and rank in gathering.ranks:
            del gathering.ranks[rank]
            self._roster.vacate(rank, gathering.waiting.is_function)

    def ended(self, waiting: Waiting, ranks: tuple[int, ...]) -> None:
        """A task of several ranks has ended."""
        if waiting.is_function:
            self._closed.difference_update(ranks)

    def bars(self, rank: int) -> bool:
        """Whether no other function may come to an own rank now."""
        gathering = self._gathering
        return rank in self._closed or (gathering is not None and gathering.waiting.is_function)

    def _begin(self) -> None:
        waiting = self._turns.next(lambda waiting: True)
        self._gathering = _Gathering(waiting) if waiting else None
