"""Which group lends ranks to which, as the coordinator sees it: events in, instructions out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskToLend:
    """Ask ``owner`` to lend one of its idle ranks to the leader ``borrower``."""

    owner: int
    borrower: int


@dataclass(slots=True)
class _Account:
    slots: int
    ranks: int
    functions: bool
    executables_out: int = 0
    functions_out: int = 0
    lent: int = 0
    borrowed: int = 0
    refused: bool = False

    @property
    def outstanding(self) -> int:
        return self.executables_out + self.functions_out

    @property
    def lacks_ranks(self) -> bool:
        return self.outstanding > (self.ranks - self.lent + self.borrowed) * self.slots

    @property
    def can_spare(self) -> bool:
        return not self.refused and self.outstanding <= (self.ranks - self.lent - 1) * self.slots


class Lending:
    """Counts what each group has to do and matches those that lack ranks with those that can spare one.

    The counts follow from the stages sent and the results received, so groups report nothing more.
    """

    def __init__(self) -> None:
        self._accounts: dict[int, _Account] = {}

    def add(self, leader: int, ranks: int, slots: int, functions: bool = True) -> None:
        """A group exists; ``functions`` says whether its ranks may run Python functions."""
        self._accounts[leader] = _Account(slots, ranks, functions)

    def sent(self, leader: int, executables: int, functions: int) -> list[AskToLend]:
        """Tasks went to a leader."""
        account = self._accounts[leader]
        account.executables_out += executables
        account.functions_out += functions
        return self._match()

    def ended(self, leader: int, executables: int, functions: int) -> list[AskToLend]:
        """Tasks of a leader ended for good."""
        account = self._accounts[leader]
        account.executables_out -= executables
        account.functions_out -= functions
        account.refused = False
        return self._match()

    def refused(self, owner: int, borrower: int) -> list[AskToLend]:
        """The owner had no idle rank after all; it is asked again when something of it has ended."""
        self._settle(owner, borrower)
        self._accounts[owner].refused = True
        return self._match()

    def returned(self, owner: int, borrower: int) -> list[AskToLend]:
        """The owner has its rank back."""
        self._settle(owner, borrower)
        self._accounts[owner].refused = False
        return self._match()

    def _settle(self, owner: int, borrower: int) -> None:
        self._accounts[owner].lent -= 1
        self._accounts[borrower].borrowed -= 1

    def _match(self) -> list[AskToLend]:
        hungry = [leader for leader, account in self._accounts.items() if account.lacks_ranks]
        if not hungry:
            return []
        return list(self._pair(hungry))

    def _pair(self, hungry: list[int]) -> Iterable[AskToLend]:
        for owner, spare in self._accounts.items():
            while spare.can_spare:
                borrower = next((leader for leader in hungry if self._may_borrow(leader, spare)), None)
                if borrower is None:
                    break
                spare.lent += 1
                self._accounts[borrower].borrowed += 1
                yield AskToLend(owner, borrower)

    def _may_borrow(self, leader: int, spare: _Account) -> bool:
        account = self._accounts[leader]
        if account is spare or not account.lacks_ranks:
            return False
        return spare.functions or account.executables_out > account.borrowed
