"""An attempt of a task that was handed out."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.scheduling.turns import Waiting


@dataclass(slots=True)
class Running:
    """An attempt that ranks have, running or waiting there for its turn.

    Attributes
    ----------
    expected:
        What it counts for in the backlog of its rank.
    """

    ranks: tuple[int, ...]
    task: Waiting
    expected: int = 0
    cancelled: bool = False
