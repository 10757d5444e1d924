"""Which ranks serve which learners while learners come and go: no clock, no I/O."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rose_mpi.errors import UsageError
from rose_mpi.scheduling.groups import check_group_size, plan_groups


@dataclass(frozen=True, slots=True)
class Move:
    """``ranks`` of the leader ``owner`` belong to the leader ``to`` from now on."""

    owner: int
    ranks: tuple[int, ...]
    to: int


@dataclass(frozen=True, slots=True)
class Placed:
    """What the opening of learners came to.

    Attributes
    ----------
    groups:
        The ranks of each new learner, the leader first.
    moves:
        To be ordered in this order: a rank may move twice.
    changed:
        The ranks that learners opened before are left with.
    """

    groups: Mapping[str, tuple[int, ...]]
    moves: tuple[Move, ...]
    changed: Mapping[str, tuple[int, ...]]


@dataclass(slots=True, eq=False)
class _Group:
    """Ranks that serve certain learners; the first leads, for as long as the group lasts.

    Of each learner it is known how many ranks its widest task needs.
    """

    ranks: list[int]
    learners: dict[str, int]
    widest: int = 1

    @property
    def leader(self) -> int:
        return self.ranks[0]

    @property
    def share(self) -> int:
        """The ranks that one learner more may be given; 0 if none."""
        spare = len(self.ranks) - max(len(self.learners), self.widest)
        return max(0, min(len(self.ranks) // (len(self.learners) + 1), spare))


class Placement:
    """Gives each learner a group of ranks when it opens, and knows who serves whom.

    Ranks that serve nobody are divided among the learners that open. When there are none, a learner takes
    its share of the group with most ranks per learner; when no group has more ranks than learners, it joins
    the one with the fewest. No group is left with fewer ranks than the widest task of its learners needs.
    With ``ranks_per_learner`` groups have this size and are never divided. A learner keeps its leader for its
    whole life. What an opening costs does not grow with the number of learners and groups, but with that of
    the ranks that move.

    Parameters
    ----------
    ranks:
        World ranks, in the order of their nodes. They form one group at first, led by the first of them.

    Raises
    ------
    UsageError
        If ``ranks_per_learner`` is larger than the number of ranks.
    """

    def __init__(self, ranks: Sequence[int], ranks_per_learner: int | None = None) -> None:
        check_group_size(len(ranks), ranks_per_learner)
        self._size = ranks_per_learner
        self._place = {rank: place for place, rank in enumerate(ranks)}
        self._free = {ranks[0]: _Group(list(ranks), {})}
        self._free_ranks = len(ranks)
        self._serving: dict[int, _Group] = {}
        self._group_of: dict[str, _Group] = {}
        self._by_plenty = _Ranking(self._serving, _need)
        self._by_crowd = _Ranking(self._serving, lambda group: len(group.learners))

    def is_open(self, learner: str) -> bool:
        """Whether a learner was opened and not closed since."""
        return learner in self._group_of

    def leader(self, learner: str) -> int:
        """The rank that leads an open learner's group.

        Raises
        ------
        UsageError
            If the learner is not open.
        """
        if learner not in self._group_of:
            raise UsageError(f"learner {learner!r} is not open: it has ended, or has not begun")
        return self._group_of[learner].leader

    def secure(self, learner: str, ranks: int) -> int:
        """Leave an open learner's group so many ranks at least, if it has them; returns how many it has."""
        group = self._group_of[learner]
        if group.learners[learner] < ranks <= len(group.ranks):
            group.learners[learner] = ranks
            group.widest = max(group.widest, ranks)
            self._rank(group)
        return len(group.ranks)

    def open(self, learners: Sequence[str]) -> Placed:
        """Find ranks for new learners.

        Raises
        ------
        UsageError
            If one of them is open already, or named twice.
        """
        self._refuse_twins(learners)
        moves, shrunk = self._find(learners)
        groups = {learner: tuple(self._group_of[learner].ranks) for learner in learners}
        changed = {name: tuple(self._group_of[name].ranks) for name in shrunk if name not in groups}
        return Placed(groups, tuple(moves), changed)

    def lost(self, rank: int) -> Mapping[str, tuple[int, ...]]:
        """A rank is gone for good; one must be left.

        Returns
        -------
        Mapping
            The ranks of the learners that had it, or had to give some for those that had no other. All ranks
            are to be with the leaders of :attr:`groups` from now on.
        """
        groups = (*self._serving.values(), *self._free.values())
        group = next(group for group in groups if rank in group.ranks)
        book = self._serving if group.learners else self._free
        del book[group.leader]
        group.ranks.remove(rank)
        self._free_ranks -= not group.learners
        if self._size:
            self._size = min(self._size, sum(len(each.ranks) for each in groups))
        changed = dict.fromkeys(group.learners)
        if group.ranks:
            book[group.leader] = group
            if group.learners:
                self._rank(group)
        elif group.learners:
            changed |= self._find(tuple(group.learners))[1]
        return {learner: tuple(self._group_of[learner].ranks) for learner in changed}

    @property
    def groups(self) -> dict[int, tuple[int, ...]]:
        """The ranks of each leader."""
        groups = (*self._serving.values(), *self._free.values())
        return {group.leader: tuple(group.ranks) for group in groups}

    def close(self, learner: str) -> None:
        """Forget a learner; a group without learners is free again."""
        group = self._group_of.pop(learner)
        ranks = group.learners.pop(learner)
        if group.learners:
            if ranks == group.widest > 1:
                group.widest = max(group.learners.values())
            self._rank(group)
        else:
            del self._serving[group.leader]
            group.widest = 1
            self._free[group.leader] = group
            self._free_ranks += len(group.ranks)

    def _find(self, learners: Sequence[str]) -> tuple[list[Move], dict[str, None]]:
        """Find ranks for learners that have none; returns the moves, and who has fewer ranks now."""
        with_ranks = min(len(learners), self._free_ranks // (self._size or 1))
        moves = self._settle(learners[:with_ranks]) if with_ranks else []
        shrunk: dict[str, None] = {}
        for learner in learners[with_ranks:]:
            giver = self._by_plenty.first() if self._size is None else None
            if giver and giver.share:
                moves.append(self._split(giver, learner))
                shrunk |= dict.fromkeys(giver.learners)
            else:
                self._serve(self._by_crowd.first(), (learner,))
        return moves, shrunk

    def _settle(self, learners: Sequence[str]) -> list[Move]:
        """Divide free ranks among the learners."""
        wanted = self._free_ranks if self._size is None else len(learners) * self._size
        owners = self._take_free(wanted)
        moves: list[Move] = []
        for group in plan_groups(tuple(owners), learners, self._size):
            self._serve(_Group(list(group.ranks), {}), group.learners)
            moving: dict[int, list[int]] = {}
            for rank in group.ranks:
                moving.setdefault(owners[rank], []).append(rank)
            moving.pop(group.leader, None)
            moves += [Move(owner, tuple(ranks), group.leader) for owner, ranks in moving.items()]
        return moves

    def _take_free(self, wanted: int) -> dict[int, int]:
        """Free ranks in the order of their nodes, and who leads each; those freed last come first."""
        owners: dict[int, int] = {}
        parts = 0
        while len(owners) < wanted:
            leader, group = self._free.popitem()
            rest = max(0, len(group.ranks) - (wanted - len(owners)))
            owners.update(dict.fromkeys(group.ranks[rest:], leader))
            if rest:
                del group.ranks[rest:]
                self._free[leader] = group
            parts += 1
        self._free_ranks -= wanted
        return owners if parts == 1 else dict(sorted(owners.items(), key=lambda item: self._place[item[0]]))

    def _split(self, giver: _Group, learner: str) -> Move:
        """Take a learner's share from the end of a group; the first of these ranks leads them."""
        taken = giver.ranks[-giver.share :]
        del giver.ranks[-len(taken) :]
        self._rank(giver)
        self._serve(_Group(taken, {}), (learner,))
        return Move(giver.leader, tuple(taken), taken[0])

    def _serve(self, group: _Group, learners: Iterable[str]) -> None:
        for learner in learners:
            group.learners[learner] = 1
            self._group_of[learner] = group
        self._serving[group.leader] = group
        self._rank(group)

    def _rank(self, group: _Group) -> None:
        place = self._place[group.leader]
        self._by_crowd.put(group, place)
        if self._size is None:
            self._by_plenty.put(group, place)

    def _refuse_twins(self, learners: Sequence[str]) -> None:
        seen: set[str] = set()
        for learner in learners:
            if learner in self._group_of or learner in seen:
                raise UsageError(f"two learners are called {learner!r}: each needs a name of its own")
            seen.add(learner)


def _need(group: _Group) -> float:
    """Smallest for the group with most ranks per learner, but for those that may give none."""
    return -len(group.ranks) / len(group.learners) if group.share else 0.0


class _Ranking:
    """Finds the group with the smallest key, the leftmost of several.

    A heap of the groups as they were when they last changed; what no longer holds is passed over.
    """

    def __init__(self, serving: Mapping[int, _Group], key: Callable[[_Group], float]) -> None:
        self._serving = serving
        self._key = key
        self._heap: list[tuple[float, int, int]] = []

    def put(self, group: _Group, place: int) -> None:
        """A group is new or has changed."""
        heapq.heappush(self._heap, (self._key(group), place, group.leader))
        if len(self._heap) > 4 * len(self._serving) + 16:
            self._heap = sorted({entry for entry in self._heap if self._holds(entry)})

    def first(self) -> _Group:
        """The group with the smallest key; there must be one."""
        while not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._serving[self._heap[0][2]]

    def _holds(self, entry: tuple[float, int, int]) -> bool:
        key, _, leader = entry
        return leader in self._serving and self._key(self._serving[leader]) == key
