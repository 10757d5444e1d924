"""Ranks that leave a leader for good, or come home again."""

from __future__ import annotations

from collections.abc import Iterable

from rose_mpi.scheduling.instructions import HandOver, Instruction, Recall
from rose_mpi.scheduling.roster import Roster


def hand_over(roster: Roster, ranks: Iterable[int]) -> list[Instruction]:
    """Let those go that are to belong to another leader and can leave."""
    leaving: dict[int, list[int]] = {}
    for rank in ranks:
        to = roster.depart(rank)
        if to is not None:
            leaving.setdefault(to, []).append(rank)
    return [HandOver(tuple(those), to) for to, those in leaving.items()]


def recall(roster: Roster, ranks: Iterable[int]) -> list[Instruction]:
    """Ask for those that are lent."""
    borrowers = ((rank, roster.recall(rank)) for rank in ranks)
    return [Recall(rank, borrower) for rank, borrower in borrowers if borrower is not None]
