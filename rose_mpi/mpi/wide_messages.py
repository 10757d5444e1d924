"""What a leader and its ranks say to each other about a task that several of them run together."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.execution.launcher import Place
from rose_mpi.tasks import TaskCall, TaskResult


@dataclass(frozen=True, slots=True)
class PrepareTask:
    """Come to this attempt of a function, together with the other ``ranks``, and say when you are there.

    Or say where you are, for a command that the lowest of them will start. To each of them.
    """

    number: int
    call: TaskCall
    attempt: int
    queued: float
    ranks: tuple[int, ...]
    epoch: int


@dataclass(frozen=True, slots=True)
class TaskReady:
    """I am there, and wait, or am kept free for a command. To the leader."""

    number: int
    place: Place


@dataclass(frozen=True, slots=True)
class TaskGo:
    """Begin, or leave it be if not ``go``. To every member."""

    number: int
    go: bool


@dataclass(frozen=True, slots=True)
class PartEnded:
    """My part of the attempt ended. To the leader."""

    number: int
    result: TaskResult


WideMessage = PrepareTask | TaskReady | TaskGo | PartEnded
