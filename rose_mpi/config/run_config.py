"""What a configuration comes to."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.learners.spec import LearnerSpec
from rose_mpi.plan import RunPlan


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run as its configuration describes it.

    Attributes
    ----------
    walltime:
        Seconds after which the run stops by itself; ``None``: never.
    """

    plan: RunPlan
    walltime: float | None
    learners: tuple[LearnerSpec, ...]
