"""Ranks that leave a leader: for good, back to the leader that lent them, or home again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rose_mpi.scheduling.instructions import GiveBack, HandOver, Instruction, Recall
from rose_mpi.scheduling.loan import Loan
from rose_mpi.scheduling.roster import Roster


def hand_over(roster: Roster, ranks: Iterable[int]) -> list[Instruction]:
    """Let those go that are to belong to another leader and can leave."""
    leaving: dict[int, list[int]] = {}
    for rank in ranks:
        to = roster.depart(rank)
        if to is not None:
            leaving.setdefault(to, []).append(rank)
    return [HandOver(tuple(those), to) for to, those in leaving.items()]


def give_back(roster: Roster, ranks: Iterable[int], useless: Callable[[Loan], bool]) -> list[Instruction]:
    """Return those that are borrowed and idle; ``useless`` says whether what waits is not for a loan."""
    instructions: list[Instruction] = []
    for rank in ranks:
        if rank in roster.borrowed and roster.is_idle(rank):
            loan = roster.give_back(rank)
            instructions.append(GiveBack(rank, loan.owner, unsuited=not loan.recalled and useless(loan)))
    return instructions


def recall(roster: Roster, ranks: Iterable[int]) -> list[Instruction]:
    """Ask for those that are lent."""
    borrowers = ((rank, roster.recall(rank)) for rank in ranks)
    return [Recall(rank, borrower) for rank, borrower in borrowers if borrower is not None]
