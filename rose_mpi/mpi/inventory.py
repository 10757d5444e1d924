"""What the job has: its MPI library, and the cores and GPUs of each rank."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mpi4py import MPI

from rose_mpi.execution.gpus import visible_gpus
from rose_mpi.mpi.world import World


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rank is, and what it may use."""

    rank: int
    host: str
    cpus: tuple[int, ...]
    gpus: tuple[str, ...]


def mpi_library() -> str:
    """Name and version of the MPI library."""
    return MPI.Get_library_version().partition("\n")[0].partition(",")[0].strip("\0 ")


def places(world: World) -> list[Place]:
    """The places of all ranks on rank 0, nothing elsewhere; collective."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    return world.comm.gather(Place(world.rank, world.host, cpus, visible_gpus().names)) or []
