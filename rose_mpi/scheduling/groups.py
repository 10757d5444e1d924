"""Which ranks serve which learners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_mpi.errors import UsageError


@dataclass(frozen=True, slots=True)
class Group:
    """Ranks that serve certain learners; the first rank leads."""

    ranks: tuple[int, ...]
    learners: tuple[str, ...]

    @property
    def leader(self) -> int:
        """The rank that spreads the learners' stages over the group."""
        return self.ranks[0]


def plan_groups(
    ranks: Sequence[int], learners: Sequence[str], ranks_per_learner: int | None = None
) -> tuple[Group, ...]:
    """Divide ranks into groups of neighbours, and learners among the groups.

    Parameters
    ----------
    ranks:
        World ranks that may be grouped, in the order of their nodes.
    ranks_per_learner:
        Size of each group; ``None`` divides all ranks evenly. Ranks left over form a group without
        learners, which only lends.

    Raises
    ------
    UsageError
        If ``ranks_per_learner`` is larger than the number of ranks.
    """
    check_group_size(len(ranks), ranks_per_learner)
    sizes = _sizes(len(ranks), len(learners), ranks_per_learner)
    serving = min(len(learners), len(sizes))
    groups, first = [], 0
    for number, size in enumerate(sizes):
        served = tuple(learners[number::serving]) if number < serving else ()
        groups.append(Group(tuple(ranks[first : first + size]), served))
        first += size
    return tuple(groups)


def check_group_size(ranks: int, ranks_per_learner: int | None) -> None:
    """Refuse groups that this job cannot form.

    Raises
    ------
    UsageError
        If ``ranks_per_learner`` is larger than the number of ranks.
    """
    if ranks_per_learner is not None and ranks_per_learner > ranks:
        raise UsageError(
            f"engine.ranks_per_learner is {ranks_per_learner}, but this job has only {ranks} ranks "
            f"for learners: start it with more ranks (mpirun -n) or set a smaller number"
        )


def _sizes(ranks: int, learners: int, ranks_per_learner: int | None) -> list[int]:
    if ranks_per_learner is not None:
        full = min(max(learners, 1), ranks // ranks_per_learner)
        rest = ranks - full * ranks_per_learner
        return [ranks_per_learner] * full + ([rest] if rest else [])
    groups = max(1, min(learners, ranks))
    share, larger = divmod(ranks, groups)
    return [share + (number < larger) for number in range(groups)]
