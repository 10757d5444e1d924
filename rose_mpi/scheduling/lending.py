"""Which group lends ranks to which, as the coordinator sees it: events in, instructions out."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskToLend:
    """Ask ``owner`` to lend one of its idle ranks to the leader ``borrower``."""

    owner: int
    borrower: int


@dataclass(slots=True)
class _Account:
    slots: int
    functions: bool
    ranks: int
    executables_out: int = 0
    functions_out: int = 0
    wide_out: int = 0
    lent: int = 0
    borrowed: int = 0
    refused: bool = False

    @property
    def outstanding(self) -> int:
        return self.executables_out + self.functions_out + self.wide_out

    @property
    def at_hand(self) -> int:
        return self.ranks - self.lent + self.borrowed

    @property
    def lacks_ranks(self) -> bool:
        """Whether borrowed ranks would help, on which no task of several ranks may run."""
        return not self._is_enough(self.at_hand) and self.outstanding > self.wide_out

    @property
    def can_spare(self) -> bool:
        return not self.refused and self.ranks > self.lent and self._is_enough(self.at_hand - 1)

    def _is_enough(self, ranks: int) -> bool:
        """Whether all that is to do can run on so many ranks at the same time."""
        return self.outstanding <= ranks * self.slots and self.functions_out <= ranks


class Lending:
    """Counts what each group has to do and matches those that lack ranks with those that can spare one.

    The counts follow from the stages sent, the results received and the ranks that leaders took. Where the
    lender's ranks are unsuited (they may not run the functions that wait, or nothing waits at present) the
    pair is left alone until the borrower gets new tasks, or says that others wait. A rank runs one function
    at a time, and programs in all its slots.

    Parameters
    ----------
    slots:
        Tasks that a rank runs at a time.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._accounts: dict[int, _Account] = {}
        self._hungry: dict[int, None] = {}
        self._sparing: dict[int, None] = {}
        self._unsuited: dict[int, set[int]] = {}
        self._news: Counter[int] = Counter()
        self._asked: dict[tuple[int, int], deque[int]] = {}

    def forget(self) -> None:
        """Begin anew: ranks were lost."""
        for book in (self._accounts, self._hungry, self._sparing, self._unsuited, self._asked):
            book.clear()

    def add(self, leader: int, ranks: int, functions: bool = True) -> None:
        """A leader has so many ranks; ``functions`` says whether they may run Python functions."""
        self._accounts[leader] = _Account(self._slots, functions, ranks)
        self._sort(leader)

    def lent(self, owner: int, borrower: int) -> None:
        """A rank is lent already."""
        self._accounts[owner].lent += 1
        self._accounts[borrower].borrowed += 1
        self._asked.setdefault((owner, borrower), deque()).append(self._news[borrower])
        self._sort(owner)
        self._sort(borrower)

    def moved(self, owner: int, to: int, ranks: int) -> list[AskToLend]:
        """The leader ``to`` has taken so many ranks of another's."""
        for leader, more in ((owner, -ranks), (to, ranks)):
            self._accounts[leader].ranks += more
            self._accounts[leader].refused = False
        return self._match(owner, to)

    def sent(self, leader: int, executables: int, functions: int, wide: int = 0) -> list[AskToLend]:
        """Tasks went to a leader: so many of one rank, and others that need ``wide`` ranks in all."""
        account = self._accounts[leader]
        account.executables_out += executables
        account.functions_out += functions
        account.wide_out += wide
        return self.wanted(leader)

    def wanted(self, leader: int) -> list[AskToLend]:
        """Tasks wait at a leader that did not before: what was unsuited may suit them."""
        self._news[leader] += 1
        self._unsuited.pop(leader, None)
        return self._match(leader)

    def ended(self, leader: int, executables: int, functions: int, wide: int = 0) -> list[AskToLend]:
        """Tasks of a leader ended for good."""
        account = self._accounts[leader]
        account.executables_out -= executables
        account.functions_out -= functions
        account.wide_out -= wide
        account.refused = False
        return self._match(leader)

    def refused(self, owner: int, borrower: int) -> list[AskToLend]:
        """The owner had no idle rank after all; it is asked again when something of it has ended."""
        self._settle(owner, borrower)
        self._accounts[owner].refused = True
        return self._match(owner, borrower)

    def returned(self, owner: int, borrower: int, unsuited: bool) -> list[AskToLend]:
        """The owner has its rank back; ``unsuited`` if what waits at the borrower is not for it."""
        is_new = self._settle(owner, borrower)
        self._accounts[owner].refused = False
        if unsuited and is_new:
            self._unsuited.setdefault(borrower, set()).add(owner)
        return self._match(owner, borrower)

    def _settle(self, owner: int, borrower: int) -> bool:
        """A loan is over; whether the borrower has had no news since the oldest of theirs was asked for."""
        self._accounts[owner].lent -= 1
        self._accounts[borrower].borrowed -= 1
        return self._asked[owner, borrower].popleft() == self._news[borrower]

    def _sort(self, leader: int) -> None:
        account = self._accounts[leader]
        _keep(self._hungry, leader, account.lacks_ranks)
        _keep(self._sparing, leader, account.can_spare)

    def _match(self, *changed: int) -> list[AskToLend]:
        for leader in changed:
            self._sort(leader)
        loans = []
        for owner in list(self._sparing) if self._hungry else ():
            while owner in self._sparing:
                borrower = next((leader for leader in self._hungry if self._may_borrow(leader, owner)), None)
                if borrower is None:
                    break
                self.lent(owner, borrower)
                loans.append(AskToLend(owner, borrower))
        return loans

    def _may_borrow(self, leader: int, owner: int) -> bool:
        if leader == owner or owner in self._unsuited.get(leader, ()):
            return False
        return self._accounts[owner].functions or self._accounts[leader].executables_out > 0


def _keep(leaders: dict[int, None], leader: int, wanted: bool) -> None:
    if wanted:
        leaders[leader] = None
    else:
        leaders.pop(leader, None)
