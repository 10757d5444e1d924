"""The end of a job by an unexpected exception: told once, with rank and host, and nothing hangs."""

from __future__ import annotations

import os
import time
import traceback
from typing import Final

from mpi4py import MPI

from rose_mpi.mpi.faults import end_others
from rose_mpi.mpi.world import World

FORWARDING_SECONDS: Final = 0.1
"""What launchers need to pass on what was written before they end the job."""


def abort(world: World, error: BaseException) -> None:
    """Write the traceback to standard error in one piece and end all ranks with code 1."""
    trace = "".join(traceback.format_exception(error))
    text = f"rose-mpi: internal error on rank {world.rank} ({world.host}):\n{trace}"
    os.write(2, text.encode())
    end_others()
    time.sleep(FORWARDING_SECONDS)
    MPI.COMM_WORLD.Abort(1)


def end_job(code: int) -> None:
    """End all ranks at once with ``code``, where an orderly end is out of reach."""
    end_others()
    MPI.COMM_WORLD.Abort(code)
