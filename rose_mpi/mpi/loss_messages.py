"""What ranks say to each other when some of them are lost."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.scheduling.rebuilding import Estate, Held
from rose_mpi.tasks import TaskId


@dataclass(frozen=True, slots=True)
class Alive:
    """I live. To the coordinator, every few seconds."""


@dataclass(frozen=True, slots=True)
class EndRank:
    """A rank of your host does not answer: end its process. To a neighbour of it."""

    rank: int
    pid: int


@dataclass(frozen=True, slots=True)
class Regroup:
    """These ranks are lost: forget what you lead, keep what you run, and say what that is. To every rank."""

    epoch: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Census:
    """What I run, or ended, and the keys of the arrays that I keep. To the coordinator."""

    epoch: int
    held: tuple[Held, ...]
    arrays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inherit:
    """Begin with these ranks and tasks. To a leader."""

    estate: Estate


@dataclass(frozen=True, slots=True)
class Adopt:
    """Of what you run these attempts are mine now; end the others. To a worker."""

    attempts: tuple[tuple[TaskId, int], ...]


@dataclass(frozen=True, slots=True)
class TellAgain:
    """These attempts of yours have ended; I have not heard of it. To a worker that another leader has."""

    attempts: tuple[tuple[TaskId, int], ...]


@dataclass(frozen=True, slots=True)
class KeepArrays:
    """Of the arrays that you had before the loss only these are of use. To every rank."""

    keys: frozenset[str]


LossMessage = Alive | EndRank | Regroup | Census | Inherit | Adopt | TellAgain | KeepArrays
