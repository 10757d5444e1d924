"""The processes of this job: MPI is started here and nowhere else."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from mpi4py import MPI

from rose_mpi.errors import LauncherError
from rose_mpi.mpi.faults import leave_at_once, listens, tolerates_faults

_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")


@dataclass(frozen=True, slots=True)
class World:
    """All ranks of the job.

    Attributes
    ----------
    base:
        The communicator that groups are created from; nothing else travels on it. (Open MPI sends the
        messages of a creation on the parent with the tag of the creation, where a probe would catch them.)
    comm:
        A duplicate of it, for point-to-point messages only.
    """

    base: MPI.Intracomm
    comm: MPI.Intracomm
    rank: int
    size: int
    host: str


def join_world(comm: MPI.Intracomm | None = None) -> World:
    """Join the job's other ranks; collective over ``comm`` (all processes by default).

    Raises
    ------
    LauncherError
        If the launcher started several processes but MPI knows of one only.
    """
    comm = comm or MPI.COMM_WORLD
    _refuse_singletons(comm.size, os.environ)
    messages = comm.Dup()
    listens(messages)
    return World(comm, messages, comm.rank, comm.size, socket.gethostname())


def finalize(code: int) -> None:
    """Leave MPI, at the end of the process; collective over all ranks.

    Where faults are tolerated it ends the process with ``code``: after a loss MPI may wait in there for ever.
    """
    if tolerates_faults():
        logging.shutdown()
        leave_at_once(code)
    if not MPI.Is_finalized():
        MPI.Finalize()


def _refuse_singletons(size: int, environ: Mapping[str, str]) -> None:
    if size > 1 or MPI.COMM_WORLD.size > 1:
        return
    for size_name in _SIZE_VARIABLES:
        started = environ.get(size_name, "")
        if started.isdigit() and int(started) > 1:
            library = MPI.Get_library_version().split("\n")[0].strip("\0 ")
            raise LauncherError(
                f"the launcher started {started} processes ({size_name}={started}), but each is alone: "
                f"mpi4py uses {library}, which does not belong to that launcher. Use the mpirun of the same "
                f"MPI, or choose with MPI4PY_MPIABI=openmpi or mpich; under srun give a fitting --mpi"
            )
