"""Tasks that wait on a rank for their turn, so that it need not wait for the next message."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rose_mpi.tasks import Function, Task, TaskCall, runs_in_rank

SHORT: Final = 5_000
"""A task that is taken to last so many microseconds waits for a rank that is free."""

AHEAD: Final = 20_000
"""A rank that has work for so many microseconds is given no more."""

FURTHER_AHEAD: Final = 80_000
"""The same of programs where no other learner may have to wait: each message costs the rank's cores time."""

QUICKEST: Final = 20
"""What the quickest task is taken to last, in microseconds; it bounds how many wait on a rank."""

UNKNOWN: Final = 1_000_000_000_000
"""What a task is taken to last of whose kind none has ended yet."""


class Backlog:
    """How much lies before each rank that was given tasks, by what those of each name have lasted.

    One that lasts longer than those before it counts at once, shorter ones little by little.

    Parameters
    ----------
    slots:
        So many run on a rank at a time.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._lasts: dict[str, int] = {}
        self._before: dict[int, int] = {}
        self._given: Counter[int] = Counter()
        self._late: set[int] = set()

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks that have a task."""
        return tuple(self._before)

    @property
    def any_waits(self) -> bool:
        """Whether a task waits on a rank that runs others."""
        return any(given > self._slots for given in self._given.values())

    def given(self, rank: int) -> int:
        """How many tasks a rank has, running or waiting."""
        return self._given[rank]

    def is_short(self, call: TaskCall) -> bool:
        """Whether a task may wait on a rank."""
        return _may_wait(call.work) and self.expected(call) < SHORT

    def has_room(self, rank: int, ahead: int) -> bool:
        """Whether a rank that has a task, and work for less than ``ahead``, may be given another."""
        return self._before.get(rank, UNKNOWN) < ahead * self._slots and rank not in self._late

    def expected(self, call: TaskCall) -> int:
        """How long a task is taken to last, in microseconds."""
        return self._lasts.get(_name(call), UNKNOWN)

    def give(self, rank: int, call: TaskCall) -> int:
        """A rank was given a task; returns what it counts for."""
        expected = self.expected(call)
        self._before[rank] = self._before.get(rank, 0) + expected
        self._given[rank] += 1
        return expected

    def take(self, rank: int, expected: int) -> None:
        """A rank no longer has a task that counted for so much."""
        self._before[rank] -= expected
        self._given[rank] -= 1
        if not self._given[rank]:
            del self._before[rank], self._given[rank]
            self._late.discard(rank)

    def ended(self, rank: int, call: TaskCall, seconds: float) -> None:
        """A task of a rank ended after so long."""
        self._late.discard(rank)
        lasted = max(QUICKEST, int(seconds * 1e6))
        before = self._lasts.get(_name(call), 0)
        self._lasts[_name(call)] = max(lasted, before + (lasted - before) // 4)

    def note_late(self, rank: int) -> None:
        """A rank takes longer than expected: it gets nothing more until something of it has ended."""
        self._late.add(rank)


class Backlogs:
    """One of functions, which run one after another, and one of programs.

    Parameters
    ----------
    slots:
        Programs that a rank runs at a time.
    """

    def __init__(self, slots: int) -> None:
        self._programs, self._functions = self._both = (Backlog(slots), Backlog(1))

    def of(self, functions: bool) -> Backlog:
        """That of functions, or that of programs."""
        return self._both[functions]

    @property
    def ranks(self) -> set[int]:
        """The ranks that have a task."""
        return {*self._functions.ranks, *self._programs.ranks}

    @property
    def any_waits(self) -> bool:
        """Whether a task waits on a rank that runs others."""
        return self._functions.any_waits or self._programs.any_waits

    def has_room(self, rank: int, ahead: int) -> bool:
        """Whether a rank that has a task may be given another of its kind."""
        return self._functions.has_room(rank, ahead) or self._programs.has_room(rank, ahead)


def _may_wait(work: Task | Function) -> bool:
    """Whether a task can be given back by a rank that is late with it."""
    return runs_in_rank(work) if isinstance(work, Function) else not work.gpus_per_rank


def _name(call: TaskCall) -> str:
    """What tasks have in common that last alike."""
    return call.work.reference if isinstance(call.work, Function) else call.id.stage
