"""What can fail on one rank alone is agreed upon: all raise the same error, and none waits for ever."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from rose_mpi.errors import ScoreError
from rose_mpi.uq.validation import PredictionError

_Value = TypeVar("_Value")


class Communicator(Protocol):
    """What of an mpi4py communicator the choice of candidates uses."""

    @property
    def rank(self) -> int:
        """Number of this rank."""
        ...

    @property
    def size(self) -> int:
        """How many ranks there are."""
        ...

    def allgather(self, sendobj: Any) -> list[Any]:
        """The objects of all ranks, by rank."""
        ...

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """The object of one rank."""
        ...


class Alone:
    """The communicator of a process that is alone."""

    rank = 0
    size = 1

    def allgather(self, sendobj: Any) -> list[Any]:
        """What this process has."""
        return [sendobj]

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """What this process has."""
        return obj


def agreed(comm: Communicator, work: Callable[[], _Value]) -> _Value:
    """What ``work`` returns on this rank, unless it failed on any rank: then all raise the same error."""
    error: ScoreError | None = None
    cause: Exception | None = None
    try:
        value = work()
    except ScoreError as fault:
        error = fault
    except Exception as fault:
        cause = fault
        error = ScoreError(f"rank {comm.rank}: {type(fault).__name__}: {fault}")
    errors = [other for other in comm.allgather(error) if other is not None]
    if errors:
        raise min(errors, key=precedence) from cause
    return value


def precedence(error: Exception) -> tuple[int, int]:
    """The prediction with the smallest number first, then other errors by rank."""
    if isinstance(error, PredictionError):
        return error.position, error.candidate or 0
    return sys.maxsize, 0
