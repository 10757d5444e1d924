"""How a leader's books begin with what survived the loss of other ranks."""

from __future__ import annotations

from rose_mpi.scheduling.backlog import Backlogs
from rose_mpi.scheduling.kept_arrays import KeptArrays
from rose_mpi.scheduling.rebuilding import Adopted, Estate
from rose_mpi.scheduling.roster import Roster
from rose_mpi.scheduling.running import Running
from rose_mpi.scheduling.turns import Waiting
from rose_mpi.tasks import TaskId


def take_over(
    estate: Estate, roster: Roster, kept: KeptArrays, backlogs: Backlogs, running: dict[TaskId, Running]
) -> None:
    """Enter ranks, arrays and what runs into empty books; what waits is left."""
    for rank in estate.ranks:
        roster.take(rank)
    for rank, borrower in estate.lent.items():
        roster.lend_out(rank, borrower)
    for rank, loan in estate.borrowed.items():
        roster.borrow(rank, loan)
    for learner, array in estate.arrays:
        kept.add(learner, array)
    for adopted in estate.running:
        running[adopted.call.id] = _go_on(adopted, roster, backlogs)
    for rank, to in estate.leaving.items():
        roster.order_away(rank, to)


def _go_on(adopted: Adopted, roster: Roster, backlogs: Backlogs) -> Running:
    """Enter an attempt; one that has ended already occupies no rank."""
    waiting = Waiting(adopted.call, adopted.attempt, adopted.queued)
    if not adopted.running:
        return Running((), waiting)
    roster.occupy(adopted.rank, waiting.is_function)
    expected = backlogs.of(waiting.is_function).give(adopted.rank, adopted.call)
    return Running((adopted.rank,), waiting, expected)
