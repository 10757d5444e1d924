"""A program such as a user would write for several MPI processes."""

from __future__ import annotations

import json
import sys
import time

from mpi4py import MPI

COMM = MPI.COMM_WORLD


def together(seconds: str) -> None:
    time.sleep(float(seconds))
    ranks = COMM.gather(COMM.rank)
    if COMM.rank == 0:
        print(json.dumps({"ranks": ranks}))


def fail() -> None:
    if COMM.rank == COMM.size - 1:
        print("the reason is written here", file=sys.stderr, flush=True)
        COMM.Abort(3)
    COMM.Barrier()


{"together": together, "fail": fail}[sys.argv[1]](*sys.argv[2:])
