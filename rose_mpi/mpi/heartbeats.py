"""Which ranks give no sign of life: MPI tells of a process that was killed, not of one that hangs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

BEAT_SECONDS: Final = 2.0
"""How often each rank tells the coordinator that it lives."""

LOOK_SECONDS: Final = 1.0
"""How often the coordinator looks who was silent."""

WARNING_SECONDS: Final = 10.0
"""After so long a silence the user is told of it."""


class Heartbeats:
    """Counts for how many looks, one a second, each rank was silent.

    The time in which the coordinator itself stood still has no looks, so that it is not taken for theirs.

    Parameters
    ----------
    ranks:
        Those that are to give signs.
    timeout:
        Seconds of silence after which a rank is given up.
    """

    def __init__(self, ranks: Iterable[int], timeout: float) -> None:
        self._silence = dict.fromkeys(ranks, 0.0)
        self._timeout = timeout

    def heard(self, rank: int) -> float:
        """A rank lives; returns for how many seconds it was silent."""
        silence = self._silence.get(rank, 0.0)
        if rank in self._silence:
            self._silence[rank] = 0.0
        return silence

    def forget(self, rank: int) -> None:
        """Expect nothing of a rank any more."""
        self._silence.pop(rank, None)

    def look(self) -> tuple[list[int], list[int]]:
        """Another second has passed; returns the ranks to warn of, and those to give up."""
        for rank in self._silence:
            self._silence[rank] += LOOK_SECONDS
        warned = [rank for rank, silence in self._silence.items() if silence == WARNING_SECONDS]
        return warned, [rank for rank, silence in self._silence.items() if silence >= self._timeout]
