"""Borrowed ranks that a leader has no use for at present."""

from __future__ import annotations

from collections.abc import Iterable

from rose_mpi.scheduling.backlog import Backlogs
from rose_mpi.scheduling.instructions import GiveBack, Instruction, WantLoans
from rose_mpi.scheduling.loan import Loan
from rose_mpi.scheduling.retries import Retries
from rose_mpi.scheduling.roster import Roster


class Returning:
    """Gives borrowed ranks back, and asks for such again when what they could not do begins to wait."""

    def __init__(self, roster: Roster, backlogs: Backlogs, retries: Retries) -> None:
        self._roster = roster
        self._backlogs = backlogs
        self._retries = retries
        self._any_unsuited = False

    def give_back(self, ranks: Iterable[int], something_waits: bool) -> list[Instruction]:
        """Return those that are borrowed and idle."""
        instructions: list[Instruction] = []
        for rank in ranks:
            if rank in self._roster.borrowed and self._roster.is_idle(rank):
                loan = self._roster.give_back(rank)
                unsuited = not loan.recalled and self._is_unsuited(loan, something_waits)
                self._any_unsuited |= unsuited
                instructions.append(GiveBack(rank, loan.owner, unsuited))
        return instructions

    def want_again(self, something_waits: bool) -> list[Instruction]:
        """Ask for what was unsuited when it came, after tasks have begun to wait that did not then."""
        if not (something_waits and self._any_unsuited):
            return []
        self._any_unsuited = False
        return [WantLoans()]

    def _is_unsuited(self, loan: Loan, something_waits: bool) -> bool:
        """Whether a borrowed rank is idle although there is something to do."""
        not_for_it = self._backlogs.any_waits or self._retries.any_delayed
        return something_waits or (not_for_it and not loan.used)
