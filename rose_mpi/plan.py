"""What a run is, but for its learners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rose_mpi.policy import DEFAULT, Policy

RANK_TIMEOUT: Final = 300.0
"""Default of :attr:`RunPlan.rank_timeout`: a long call into C keeps a rank from giving signs."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a configuration or a program says of a run.

    Attributes
    ----------
    seed:
        Every task derives its own from it.
    output:
        The results file, absolute.
    root:
        Absolute folder where files and modules are looked for.
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
    launcher:
        Words that start a command of several ranks; empty: found.
    policy:
        What the tasks are subject to.
    rank_timeout:
        Seconds without a sign of life after which a rank is given up.
    text:
        The configuration as it was read, and what the command line changed; empty for a program.
    metrics:
        Uncertainty metrics whose kernels will be needed, as far as they are known.
    """

    name: str
    seed: int
    output: Path
    root: Path
    environment: Mapping[str, str]
    ranks_per_learner: int | None
    dedicated_coordinator: bool
    tasks_per_rank: int
    preload: tuple[str, ...] | None = None
    launcher: str = ""
    policy: Policy = DEFAULT
    rank_timeout: float = RANK_TIMEOUT
    text: str = ""
    metrics: tuple[str, ...] = ()
