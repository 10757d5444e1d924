"""Functions that wait on a rank for their turn, so that it need not wait for the next message."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rose_mpi.tasks import Function, TaskCall, runs_in_rank

AHEAD: Final = 5_000
"""A rank that has work for so many microseconds is given no more."""

QUICKEST: Final = 20
"""What the quickest function is taken to last, in microseconds; it bounds how many wait on a rank."""

UNKNOWN: Final = 1_000_000_000_000
"""What a function is taken to last that has not ended yet."""


class Backlogs:
    """How much lies before each rank that was given functions, by what functions of each name have lasted.

    One that lasts longer than those before it counts at once, shorter ones little by little.
    """

    def __init__(self) -> None:
        self._lasts: dict[str, int] = {}
        self._before: dict[int, int] = {}
        self._given: Counter[int] = Counter()
        self._late: set[int] = set()

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks that have a function."""
        return tuple(self._before)

    @property
    def any_waits(self) -> bool:
        """Whether a function waits on a rank that runs another."""
        return self._given.total() > len(self._given)

    def is_short(self, call: TaskCall) -> bool:
        """Whether a task may wait on a rank."""
        return runs_in_rank(call.work) and self.expected(call) < AHEAD

    def has_room(self, rank: int) -> bool:
        """Whether a rank that has a function may be given another."""
        return self._before.get(rank, UNKNOWN) < AHEAD and rank not in self._late

    def expected(self, call: TaskCall) -> int:
        """How long a function is taken to last, in microseconds."""
        assert isinstance(call.work, Function)
        return self._lasts.get(call.work.reference, UNKNOWN)

    def give(self, rank: int, call: TaskCall) -> int:
        """A rank was given a function; returns what it counts for."""
        expected = self.expected(call)
        self._before[rank] = self._before.get(rank, 0) + expected
        self._given[rank] += 1
        return expected

    def take(self, rank: int, expected: int) -> None:
        """A rank no longer has a function that counted for so much."""
        self._before[rank] -= expected
        self._given[rank] -= 1
        if not self._given[rank]:
            del self._before[rank], self._given[rank]
            self._late.discard(rank)

    def ended(self, rank: int, call: TaskCall, seconds: float) -> None:
        """A function of a rank ended after so long."""
        assert isinstance(call.work, Function)
        self._late.discard(rank)
        lasted = max(QUICKEST, int(seconds * 1e6))
        before = self._lasts.get(call.work.reference, 0)
        self._lasts[call.work.reference] = max(lasted, before + (lasted - before) // 4)

    def is_late(self, rank: int) -> None:
        """A rank takes longer than expected: it gets nothing more until something of it has ended."""
        self._late.add(rank)
