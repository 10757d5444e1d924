"""Processes that die: what MPI tells of them, where it tolerates faults."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from mpi4py import MPI

_SWITCH: Final = "OMPI_MCA_mpi_ft_enable"
"""Open MPI's, which its launcher sets with ``--with-ft ulfm``."""


def tolerates_faults() -> bool:
    """Whether this MPI goes on when a process dies (ULFM, a part of MPI 5's proposals; Open MPI has it)."""
    switch = os.environ.get(_SWITCH, "").lower() in ("1", "true", "yes")
    return switch and "Open MPI" in MPI.Get_library_version() and MPI.COMM_WORLD.size > 1


class Faults:
    """Which ranks of a communicator are known to have died.

    Attributes
    ----------
    tolerated:
        Whether others go on then.
    """

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm
        self.tolerated = tolerates_faults()

    def found(self, error: MPI.Exception) -> tuple[int, ...]:
        """The ranks that have died so far, after an operation failed; what receives from any works again.

        Raises
        ------
        MPI.Exception
            The error, if it is of another kind.
        """
        if not self.tolerated:
            raise error
        if error.Get_error_class() == MPI.ERR_REVOKED:
            leave_at_once(1)
        if error.Get_error_class() not in (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING):
            raise error
        self._comm.Ack_failed()
        failed, everyone = self._comm.Get_failed(), self._comm.Get_group()
        try:
            ranks = failed.Translate_ranks(None, everyone) if failed.size else ()
        finally:
            everyone.Free()
        return tuple(int(rank) for rank in ranks)


_shared: list[MPI.Intracomm] = []
"""What all processes of the job listen to."""


def listens(comm: MPI.Intracomm) -> None:
    """All processes receive on this communicator from now on."""
    _shared.append(comm)


def end_others() -> None:
    """Have all other processes end, which an abort does not reach where faults are tolerated."""
    if tolerates_faults():
        for comm in _shared:
            if comm:
                comm.Revoke()


def leave_at_once(code: int) -> NoReturn:
    """End this process, whatever it does; its helper process ends its tasks."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def end_process(pid: int) -> None:
    """End a process of this host."""
    os.kill(pid, signal.SIGKILL)


def end_rank(rank: int, pid: int) -> None:
    """End the process of a rank of this job on this host, if it is still the one that had this id."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return
    job = f"PMIX_NAMESPACE={os.environ.get('PMIX_NAMESPACE')}"
    if {job.encode(), f"OMPI_COMM_WORLD_RANK={rank}".encode()} <= set(variables):
        end_process(pid)
