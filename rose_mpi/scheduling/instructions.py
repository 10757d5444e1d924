"""What a dispatcher has its leader do."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rose_mpi.tasks import TaskCall, TaskId, TaskResult


class Run(msgspec.Struct, frozen=True):
    """Run an attempt of a task on ``rank``.

    Attributes
    ----------
    keep:
        Its arrays may stay there.
    waits:
        Other tasks have all slots there; it is to begin when one of them has ended.
    """

    rank: int
    call: TaskCall
    attempt: int
    queued: float
    keep: bool
    waits: bool = False


@dataclass(frozen=True, slots=True)
class RunTogether:
    """Run an attempt of a task that needs several ranks on these, the lowest first."""

    ranks: tuple[int, ...]
    call: TaskCall
    attempt: int
    queued: float


class Report(msgspec.Struct, frozen=True):
    """Tell the coordinator of an attempt; ``final`` if no other will follow."""

    result: TaskResult
    final: bool


@dataclass(frozen=True, slots=True)
class Delay:
    """Ask for the next attempt of a task after so many seconds."""

    task: TaskId
    seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """End an attempt that runs on ``rank``, or on several of which this is the lowest."""

    rank: int
    task: TaskId
    attempt: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Tell the coordinator that a waiting task will not run."""

    task: TaskId


@dataclass(frozen=True, slots=True)
class Lend:
    """Hand the own idle ``rank`` to the leader ``borrower``."""

    rank: int
    borrower: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Return a borrowed ``rank`` to its ``owner``; ``unsuited`` if what waits is not for it."""

    rank: int
    owner: int
    unsuited: bool


@dataclass(frozen=True, slots=True)
class WantLoans:
    """Ask for ranks again that were given back unsuited: something else waits now."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask ``borrower`` to return ``rank`` when its present task ends."""

    rank: int
    borrower: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give own ranks to the leader ``to``, for good."""

    ranks: tuple[int, ...]
    to: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Have ``rank`` let go of arrays that nobody will score, given by their keys."""

    rank: int
    keys: tuple[str, ...]


Instruction = (
    Run
    | RunTogether
    | Report
    | Delay
    | Kill
    | Drop
    | Lend
    | GiveBack
    | WantLoans
    | Recall
    | HandOver
    | Discard
)
