"""Functions such as a user would write for several ranks."""

from __future__ import annotations

import threading
import time
import weakref
from pathlib import Path

import numpy as np
from mpi4py import MPI

from tests.mpi.user_functions import probabilities


def together(comm, seconds=0.0):
    """Who came, as each of them knows; only the first one's answer counts."""
    time.sleep(seconds)
    comm.Barrier()
    on_main_thread = threading.current_thread() is threading.main_thread()
    came = comm.allgather((MPI.COMM_WORLD.rank, on_main_thread))
    return {"ranks": [rank for rank, _ in came], "main": all(main for _, main in came), "rank": comm.rank}


def alone(seconds=0.0):
    time.sleep(seconds)
    return {"ranks": [MPI.COMM_WORLD.rank]}


def array(comm):
    total = comm.allreduce(comm.rank + 1)
    return np.full(3, float(total)) if comm.rank == 0 else object()


def predict(comm, model, index, iteration):
    whole = probabilities(model, index, iteration)
    parts = comm.gather(np.array_split(whole, comm.size)[comm.rank])
    return np.concatenate(parts) if comm.rank == 0 else None


def fail(comm, rank):
    if comm.rank == rank:
        raise KeyError(f"no such thing on {comm.rank}")
    return comm.rank


def fail_at_first(comm, workdir):
    """Fails on every rank but the first, in the first attempt."""
    mark = Path(workdir, "tried")
    first = not mark.exists()
    comm.Barrier()
    mark.touch()
    if first and comm.rank:
        raise KeyError("no such thing")
    return comm.size


def ignores():
    return 1


def frees(comm):
    comm.Barrier()
    comm.Free()
    return True


def last_but_late(comm):
    if comm.rank:
        raise KeyError("no such thing")
    time.sleep(1.0)


ALIVE = []


def fail_but_the_first(comm):
    comm.Barrier()
    if comm.rank:
        raise KeyError("no such thing")
    whole = np.zeros((10, 2))
    ALIVE.append(weakref.ref(whole))
    return whole


def kept(comm):
    return comm.allreduce(sum(reference() is not None for reference in ALIVE))
