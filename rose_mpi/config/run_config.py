"""What a configuration comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rose_mpi.learners.spec import LearnerSpec


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run as its configuration describes it.

    Attributes
    ----------
    seed:
        Every task derives its own from it.
    output:
        The results file, absolute.
    root:
        The configuration's folder, absolute: files and modules are looked for there.
    environment:
        Variables of all tasks.
    ranks_per_learner:
        Size of a learner's group; ``None`` leaves it to the engine.
    dedicated_coordinator:
        Whether rank 0 takes no tasks however few ranks there are.
    tasks_per_rank:
        Tasks that a worker runs at a time.
    preload:
        Modules for a Python that each rank keeps ready for scripts; ``None``: none is.
    walltime:
        Seconds after which the run stops by itself; ``None``: never.
    text:
        The configuration as it was read, and what the command line changed.
    """

    name: str
    seed: int
    output: Path
    root: Path
    environment: Mapping[str, str]
    ranks_per_learner: int | None
    dedicated_coordinator: bool
    tasks_per_rank: int
    preload: tuple[str, ...] | None
    walltime: float | None
    learners: tuple[LearnerSpec, ...]
    text: str
