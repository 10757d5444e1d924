"""Which of the launched processes speaks for all."""

from __future__ import annotations

import os
from typing import Final

_RANK_VARIABLES: Final = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")


def is_launched() -> bool:
    """Whether a launcher started this process."""
    return any(name in os.environ for name in _RANK_VARIABLES)


def is_first_rank() -> bool:
    """Whether the launcher counts this process as rank 0, asked without starting MPI; true without one."""
    return next((os.environ[name] for name in _RANK_VARIABLES if name in os.environ), "0") == "0"
