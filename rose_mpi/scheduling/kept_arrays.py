"""Arrays that functions returned, kept on the ranks that ran them until they are scored."""

from __future__ import annotations

from collections.abc import Iterable

from rose_mpi.scheduling.roster import Roster
from rose_mpi.tasks import RankArray


class KeptArrays:
    """Which arrays of which learner wait where; they hold their ranks."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._kept: dict[str, dict[RankArray, None]] = {}

    def add(self, learner: str, array: RankArray) -> None:
        """A rank keeps an array."""
        self._kept.setdefault(learner, {})[array] = None
        self._roster.hold(array.rank)

    def claim(self, learner: str, arrays: Iterable[RankArray]) -> RankArray | None:
        """Leave arrays to the one who scores them; returns the first that is not here, and leaves none then.

        They go on holding their ranks.
        """
        kept = self._kept.get(learner, {})
        wanted = tuple(arrays)
        missing = next((array for array in wanted if array not in kept), None)
        if missing is None:
            for array in wanted:
                del kept[array]
        return missing

    def forget(self, learner: str) -> dict[int, tuple[str, ...]]:
        """Let go of what is kept for a learner; returns the keys by rank."""
        keys: dict[int, tuple[str, ...]] = {}
        for array in self._kept.pop(learner, {}):
            keys[array.rank] = (*keys.get(array.rank, ()), array.key)
            self._roster.let_go(array.rank)
        return keys
