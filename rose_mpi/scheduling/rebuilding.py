"""Who has what after ranks were lost: the survivors' answers in, what each leader begins with out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rose_mpi.scheduling.loan import Loan
from rose_mpi.tasks import Expects, RankArray, TaskCall, TaskId, runs_in_rank


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt that a survivor has.

    Attributes
    ----------
    running:
        Whether it goes on, or waits for its turn there; otherwise it ended, and nobody may know.
    """

    task: TaskId
    attempt: int
    queued: float
    running: bool


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A task that has not come to its end, as the coordinator knows it.

    Attributes
    ----------
    attempt:
        The one that is to come of it next.
    """

    call: TaskCall
    attempt: int
    leader: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """An attempt that goes on under a new leader; one that has ended takes no rank."""

    call: TaskCall
    attempt: int
    queued: float
    rank: int
    running: bool


@dataclass(slots=True)
class Estate:
    """What a leader begins with.

    Attributes
    ----------
    ranks:
        Its own, lent ones included.
    lent:
        Who has lent ranks.
    borrowed:
        The loans of other leaders' ranks.
    running:
        Attempts that ranks at its hand have.
    arrays:
        What its own ranks keep for learners, by learner.
    waiting:
        Tasks that are to begin, and the attempts that they begin with.
    leaving:
        Own ranks that shall belong to another leader, by rank.
    """

    ranks: list[int] = field(default_factory=list)
    lent: dict[int, int] = field(default_factory=dict)
    borrowed: dict[int, Loan] = field(default_factory=dict)
    running: list[Adopted] = field(default_factory=list)
    arrays: list[tuple[str, RankArray]] = field(default_factory=list)
    waiting: list[tuple[TaskCall, int]] = field(default_factory=list)
    leaving: dict[int, int] = field(default_factory=dict)

    def at_hand(self) -> list[int]:
        """The ranks that it may give something."""
        return [*(rank for rank in self.ranks if rank not in self.lent), *self.borrowed]


def rebuild(
    groups: Mapping[int, Collection[int]],
    outstanding: Mapping[TaskId, Outstanding],
    held: Mapping[int, Iterable[Held]],
    arrays: Mapping[RankArray, tuple[int, str]],
    without_functions: int | None = None,
) -> dict[int, Estate]:
    """Divide the survivors and what they have among the leaders.

    A rank belongs to the leader whose predictions it keeps, or makes, and otherwise to that of its group;
    it is lent to the one whose tasks it runs. So each attempt goes on where it is, and only what nobody has
    begins again. What a rank has of two leaders goes on for one of them.

    Parameters
    ----------
    groups:
        The ranks of each leader, without lost ones.
    outstanding:
        What has not come to its end; the leaders are those of ``groups``.
    held:
        What each survivor has.
    arrays:
        The predictions that are still to be scored and are there, with leader and learner.
    without_functions:
        The leader whose rank runs executables only.

    Returns
    -------
    dict
        By leader.
    """
    estates = {leader: Estate() for leader in groups}
    keeping = {array.rank: leader for array, (leader, _) in arrays.items()}
    begun: set[TaskId] = set()
    for leader, ranks in groups.items():
        for rank in ranks:
            wanted = [_adopt(outstanding, rank, each) for each in held.get(rank, ())]
            once = {each.call.id: each for each in wanted if each and each.call.id not in begun}
            adopted = list(once.values())
            owner = keeping.get(rank, _tie(outstanding, adopted, leader))
            user = _user(outstanding, adopted, owner)
            kept = [each for each in adopted if _goes_on(each, outstanding[each.call.id].leader, owner, user)]
            begun |= {each.call.id for each in kept}
            _place(estates, rank, leader, owner, user, without_functions)
            for each in kept:
                estates[outstanding[each.call.id].leader].running.append(each)
    for array, (leader, learner) in arrays.items():
        if array.rank in estates[leader].ranks:
            estates[leader].arrays.append((learner, array))
    for task in outstanding.values():
        if task.call.id not in begun:
            estates[task.leader].waiting.append((task.call, task.attempt))
    return estates


def _adopt(outstanding: Mapping[TaskId, Outstanding], rank: int, held: Held) -> Adopted | None:
    """What goes on of what a rank has: the attempt that is to come next, if it needs no other rank."""
    task = outstanding.get(held.task)
    if task is None or task.attempt != held.attempt or task.call.work.ranks > 1:
        return None
    return Adopted(task.call, held.attempt, held.queued, rank, held.running)


def _tie(outstanding: Mapping[TaskId, Outstanding], adopted: Iterable[Adopted], leader: int) -> int:
    """The leader whose predictions a rank makes, which will stay there."""
    for each in adopted:
        if _stays(each.call):
            return outstanding[each.call.id].leader
    return leader


def _stays(call: TaskCall) -> bool:
    """Whether the result of a task may stay on its rank."""
    return call.expects is Expects.PREDICTION and runs_in_rank(call.work)


def _goes_on(adopted: Adopted, leader: int, owner: int, user: int) -> bool:
    """Whether an attempt of ``leader`` goes on at a rank of ``owner`` that is lent to ``user``."""
    if _stays(adopted.call):
        return leader == owner == user
    return leader == user or not adopted.running


def _user(outstanding: Mapping[TaskId, Outstanding], adopted: Iterable[Adopted], owner: int) -> int:
    """The leader whose tasks a rank runs."""
    leaders = [outstanding[each.call.id].leader for each in adopted if each.running]
    return owner if owner in leaders or not leaders else leaders[0]


def _place(
    estates: Mapping[int, Estate],
    rank: int,
    leader: int,
    owner: int,
    user: int,
    without_functions: int | None,
) -> None:
    """Let a rank of the group of ``leader`` be at ``owner`` first, and in the hands of ``user``."""
    estate = estates[owner]
    estate.ranks.append(rank)
    if owner != leader:
        estate.leaving[rank] = leader
    if user != owner:
        estate.lent[rank] = user
        estates[user].borrowed[rank] = Loan(owner, functions=owner != without_functions, used=True)
