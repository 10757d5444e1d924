"""How quickly tasks are handed out, run and returned.

    mpirun -n 3 python benchmarks/dispatch.py [ROUNDS]

Executables (``/bin/true``, with captured output and a recorded result) beside a bare ``posix_spawn`` loop;
functions beside ``mpi4py.futures``. What is compared runs by turns in one job; figures are medians.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from jobs import calls, in_session, show
from mpi4py import MPI
from mpi4py.futures import MPICommExecutor
from noop import noop

from rose_mpi.learners.executor import Executor
from rose_mpi.tasks import Function, Task

EXECUTABLES, FUNCTIONS, SINGLES = 600, 2000, 100
TRUE = Task("/bin/true")
NOOP = Function("noop:noop")


def spawn_rate(count: int, in_flight: int) -> float:
    """Tasks/s of a bare loop with so many processes in flight."""
    start, running = time.perf_counter(), 0
    for _ in range(count):
        if running == in_flight:
            os.wait()
            running -= 1
        os.posix_spawn("/bin/true", ["/bin/true"], os.environ)
        running += 1
    while running:
        os.wait()
        running -= 1
    return count / (time.perf_counter() - start)


def futures_rates() -> tuple[float, float] | None:
    """Tasks/s of mpi4py.futures in one burst, and seconds of a round trip; on rank 0."""
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as pool:
        if pool is None:
            return None
        pool.submit(noop).result()
        start = time.perf_counter()
        for future in [pool.submit(noop) for _ in range(FUNCTIONS)]:
            future.result()
        rate = FUNCTIONS / (time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(SINGLES):
            pool.submit(noop).result()
        return rate, (time.perf_counter() - start) / SINGLES


async def timed(stage: Callable[[], Any]) -> float:
    """Seconds that awaiting a stage takes."""
    start = time.perf_counter()
    await stage()
    return time.perf_counter() - start


async def ours(executor: Executor) -> dict[str, float]:
    """One round of our figures."""
    await executor.run_stage(calls(TRUE, 4) + calls(NOOP, 4))
    burst = await timed(lambda: executor.run_stage(calls(TRUE, EXECUTABLES)))
    functions = await timed(lambda: executor.run_stage(calls(NOOP, FUNCTIONS)))
    singles = [await timed(lambda: executor.run_stage(calls(TRUE, 1))) for _ in range(SINGLES)]
    trips = [await timed(lambda: executor.run_stage(calls(NOOP, 1))) for _ in range(SINGLES)]
    return {
        "executables": EXECUTABLES / burst,
        "functions": FUNCTIONS / functions,
        "single executable": sorted(singles)[SINGLES // 2],
        "function round trip": sorted(trips)[SINGLES // 2],
    }


def main() -> None:
    """Run the rounds and print what was seen."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rates: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        if MPI.COMM_WORLD.rank == 0:
            rates.setdefault("spawn loop, 2 in flight", []).append(spawn_rate(EXECUTABLES, 2))
            seconds.setdefault("bare spawn and wait", []).append(1 / spawn_rate(SINGLES, 1))
        MPI.COMM_WORLD.Barrier()
        round_of_ours = in_session(ours)
        futures = futures_rates() if MPI.COMM_WORLD.size > 1 else None
        if round_of_ours:
            rates.setdefault("rose-mpi executables", []).append(round_of_ours["executables"])
            rates.setdefault("rose-mpi functions", []).append(round_of_ours["functions"])
            seconds.setdefault("rose-mpi executable, one at a time", []).append(
                round_of_ours["single executable"]
            )
            seconds.setdefault("rose-mpi function round trip", []).append(
                round_of_ours["function round trip"]
            )
        if futures:
            rates.setdefault("mpi4py.futures functions", []).append(futures[0])
            seconds.setdefault("mpi4py.futures round trip", []).append(futures[1])
    if rates:
        ranks = MPI.COMM_WORLD.size
        show(f"hand-out, {ranks} ranks", rates, "tasks/s")
        show(f"one task at a time, {ranks} ranks", seconds, "s")


main()
