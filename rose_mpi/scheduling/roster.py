"""Which ranks a leader has at hand: its own, those it has lent or borrowed, and those about to leave."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator

from rose_mpi.scheduling.loan import Loan


class Roster:
    """A leader's ranks and their free slots.

    An own rank that is to belong to another leader gets nothing new. It leaves when it is at home and idle
    and nothing holds it: arrays kept on it, or a scoring that it takes part in. Orders to leave come in the
    order of a rank's stays with this leader, and perhaps before the stay begins.

    Parameters
    ----------
    slots:
        Tasks that a rank runs at a time.

    Attributes
    ----------
    own:
        The ranks that belong to this leader, lent ones included.
    ready:
        The ranks that can be given a task now, those that wait for longest first.
    borrowed:
        The loans of other leaders' ranks.
    """

    def __init__(self, slots: int) -> None:
        self.own: set[int] = set()
        self.ready: OrderedDict[int, None] = OrderedDict()
        self.borrowed: dict[int, Loan] = {}
        self._slots = slots
        self._free: dict[int, int] = {}
        self._lent: dict[int, int] = {}
        self._not_recalled: dict[int, None] = {}
        self._leaving: dict[int, deque[int]] = {}
        self._holds: Counter[int] = Counter()
        self._functions: Counter[int] = Counter()

    def take(self, rank: int) -> None:
        """A rank belongs to this leader from now on."""
        self.own.add(rank)
        self._arrive(rank)

    def order_away(self, rank: int, to: int) -> None:
        """A rank is to belong to another leader after its present or next stay here."""
        self._leaving.setdefault(rank, deque()).append(to)
        if rank in self.own:
            self.ready.pop(rank, None)

    def depart(self, rank: int) -> int | None:
        """Let a rank go if it can leave; returns the leader that it goes to."""
        if rank not in self._leaving or rank not in self.own or not self.is_idle(rank) or self._holds[rank]:
            return None
        self.own.remove(rank)
        del self._free[rank]
        del self._holds[rank]
        del self._functions[rank]
        to = self._leaving[rank].popleft()
        if not self._leaving[rank]:
            del self._leaving[rank]
        return to

    def staying(self) -> Iterator[int]:
        """The own ranks that are not about to leave."""
        return (rank for rank in self.own if rank not in self._leaving)

    def hold(self, rank: int) -> None:
        """Keep an own rank here for one reason more."""
        self._holds[rank] += 1

    def let_go(self, rank: int) -> None:
        """One reason less to keep an own rank here."""
        self._holds[rank] -= 1

    @property
    def at_hand(self) -> int:
        """How many ranks are here, own and borrowed."""
        return len(self._free)

    def ready_of_own(self) -> list[int]:
        """The own ranks that can be given a task now, those that wait for longest first."""
        return [rank for rank in self.ready if rank in self.own]

    def occupy(self, rank: int, function: bool) -> None:
        """A rank was given a task; its functions take one slot, for they run one after another."""
        if function:
            self._functions[rank] += 1
            if self._functions[rank] > 1:
                return
        self._free[rank] -= 1
        if self._free[rank] == 0:
            del self.ready[rank]

    def vacate(self, rank: int, function: bool) -> None:
        """A task of a rank ended."""
        if function:
            self._functions[rank] -= 1
            if self._functions[rank]:
                return
        self._free[rank] += 1
        if self._free[rank] > 0 and self.may_work(rank):
            self.ready[rank] = None

    def taken(self, rank: int) -> int:
        """How many slots the tasks of a rank at hand take; programs that wait there count too."""
        return self._slots - self._free[rank]

    def runs_function(self, rank: int) -> bool:
        """Whether a function was given to a rank that has not ended."""
        return self._functions[rank] > 0

    def may_work(self, rank: int) -> bool:
        """Whether a rank at hand may be given something new."""
        loan = self.borrowed.get(rank)
        return not loan.recalled if loan else rank not in self._leaving

    def is_idle(self, rank: int) -> bool:
        """Whether a rank is at hand and runs nothing."""
        return self._free.get(rank) == self._slots

    def lend(self, borrower: int) -> int | None:
        """Lend an idle own rank; ``None`` if there is none."""
        rank = next((rank for rank in self.ready if rank in self.own and self.is_idle(rank)), None)
        if rank is not None:
            self.lend_out(rank, borrower)
        return rank

    def lend_out(self, rank: int, borrower: int) -> None:
        """Lend this idle own rank."""
        self._remove(rank)
        self._lent[rank] = borrower
        self._not_recalled[rank] = None

    def recall(self, rank: int) -> int | None:
        """Ask for a rank that is lent; returns its borrower, unless it is at home or was asked for before."""
        if rank not in self._not_recalled:
            return None
        del self._not_recalled[rank]
        return self._lent[rank]

    def by_preference(self, home: int | None, last: bool) -> list[int]:
        """The ranks that are ready in the order in which they are given something, each for its free slots.

        Those that have least come first, and of these ``home`` first or last.
        """
        ranks = list(self.ready)
        if home in ranks:
            ranks.remove(home)
            ranks.insert(len(ranks) if last else 0, home)
        return [rank for taken in range(self._slots) for rank in ranks if self.taken(rank) <= taken]

    @property
    def not_recalled(self) -> tuple[int, ...]:
        """The lent ranks that were not asked for yet."""
        return tuple(self._not_recalled)

    def take_back(self, rank: int) -> None:
        """A lent rank is at home again."""
        del self._lent[rank]
        self._not_recalled.pop(rank, None)
        self._arrive(rank)

    def borrow(self, rank: int, loan: Loan) -> None:
        """Another leader lends a rank."""
        self.borrowed[rank] = loan
        self._arrive(rank)

    def end_loan(self, rank: int) -> None:
        """A borrowed rank gets no more tasks."""
        if rank in self.borrowed:
            self.borrowed[rank].recalled = True
            self.ready.pop(rank, None)

    def give_back(self, rank: int) -> Loan:
        """A borrowed rank leaves."""
        self._remove(rank)
        return self.borrowed.pop(rank)

    def _arrive(self, rank: int) -> None:
        self._free[rank] = self._slots
        if self.may_work(rank):
            self.ready[rank] = None

    def _remove(self, rank: int) -> None:
        del self._free[rank]
        del self._functions[rank]
        self.ready.pop(rank, None)
