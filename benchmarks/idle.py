"""What an idle rank costs: processor time of each rank while nothing happens.

    mpirun -n 4 python benchmarks/idle.py [SECONDS]

Rank 0 waits in its event loop, the others serve, and each has its helper process. All ranks must be on one
node.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from jobs import calls, in_session, show
from mpi4py import MPI

from rose_mpi.learners.executor import Executor
from rose_mpi.tasks import Task

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """Processor time of a process so far, all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def helper_of(process: int) -> int:
    """The helper process of a rank: its only child."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    threads = Path(f"/proc/{process}/task").iterdir()
    children += [child for thread in threads for child in (thread / "children").read_text().split()]
    return int(children[0])


def main() -> None:
    """Measure for some seconds after a stage has run on all ranks."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    pids = MPI.COMM_WORLD.allgather(os.getpid())

    async def idle(executor: Executor) -> dict[str, list[float]]:
        await executor.run_stage(calls(Task("/bin/true"), 4 * len(pids)))
        await asyncio.sleep(2.0)
        watched = {f"rank {rank}": pid for rank, pid in enumerate(pids)}
        watched |= {f"helper of rank {rank}": helper_of(pid) for rank, pid in enumerate(pids)}
        before = {name: cpu_seconds(pid) for name, pid in watched.items()}
        await asyncio.sleep(seconds)
        return {name: [100 * (cpu_seconds(pid) - before[name]) / seconds] for name, pid in watched.items()}

    rows = in_session(idle)
    if rows:
        show(f"idle for {seconds:.0f} s, {len(pids)} ranks", rows, "% of a core")


main()
