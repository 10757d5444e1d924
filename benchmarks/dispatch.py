"""How quickly tasks are handed out, run and returned.

    mpirun -n 3 python benchmarks/dispatch.py [ROUNDS]

Executables (``/bin/true``, with captured output and a recorded result) beside bare ``posix_spawn`` loops in C
and in Python, which run while the ranks are idle; functions beside ``mpi4py.futures``. What is compared runs
by turns in one job; figures are medians. Bursts run without a results file as well.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from floors import PROGRAM, c_seconds, python_seconds
from jobs import calls, in_session, show
from mpi4py import MPI
from mpi4py.futures import MPICommExecutor
from noop import noop

from rose_mpi.learners.executor import Executor
from rose_mpi.tasks import Function, Task

EXECUTABLES, FUNCTIONS, SINGLES = 600, 2000, 100
Figures = tuple[dict[str, float], dict[str, float]]
TRUE = Task(PROGRAM)
NOOP = Function("noop:noop")


def floors() -> Figures:
    """Tasks/s with 2 processes in flight, and seconds of one task at a time, of bare loops."""
    rates, seconds = {}, {}
    for language, loop in (("C", c_seconds), ("Python", python_seconds)):
        pairs, one_by_one = loop(EXECUTABLES, 2), loop(SINGLES, 1)
        if pairs is not None and one_by_one is not None:
            rates[f"spawn loop in {language}, 2 in flight"] = EXECUTABLES / pairs
            seconds[f"spawn and wait in {language}"] = one_by_one / SINGLES
    return rates, seconds


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


async def bursts(executor: Executor, how: str = "") -> dict[str, float]:
    """Tasks/s of ours."""
    executables = await timed(lambda: executor.run_stage(calls(TRUE, EXECUTABLES)))
    functions = await timed(lambda: executor.run_stage(calls(NOOP, FUNCTIONS)))
    return {
        f"rose-mpi executables{how}": EXECUTABLES / executables,
        f"rose-mpi functions{how}": FUNCTIONS / functions,
    }


async def unrecorded(executor: Executor) -> dict[str, float]:
    """Our bursts where no file is written."""
    await executor.run_stage(calls(TRUE, 4) + calls(NOOP, 4))
    return await bursts(executor, ", not recorded")


async def ours(executor: Executor) -> Figures:
    """One round of our figures, and the floors, as rates and as seconds."""
    await executor.run_stage(calls(TRUE, 4) + calls(NOOP, 4))
    rates, seconds = floors()
    rates |= await bursts(executor)
    singles = [await timed(lambda: executor.run_stage(calls(TRUE, 1))) for _ in range(SINGLES)]
    trips = [await timed(lambda: executor.run_stage(calls(NOOP, 1))) for _ in range(SINGLES)]
    seconds |= {
        "rose-mpi executable, one at a time": statistics.median(singles),
        "rose-mpi function round trip": statistics.median(trips),
    }
    return rates, seconds


def one_round() -> Figures:
    """Measure everything once; figures on rank 0."""
    measured: Figures | None = in_session(ours)
    rates, seconds = measured or ({}, {})
    rates |= in_session(unrecorded, record=False) or {}
    futures = futures_rates() if MPI.COMM_WORLD.size > 1 else None
    if futures:
        rates["mpi4py.futures functions"], seconds["mpi4py.futures round trip"] = futures
    return rates, seconds


def main() -> None:
    """Run the rounds and print what was seen."""
    rounds = [one_round() for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)]
    if MPI.COMM_WORLD.rank:
        return
    rates, seconds = (
        {row: [one[row] for one in kind] for row in kind[0]} for kind in zip(*rounds, strict=True)
    )
    ranks = MPI.COMM_WORLD.size
    if "spawn and wait in C" not in seconds:
        print("no C compiler (cc, gcc): the loop in C is left out")
    show(f"hand-out, {ranks} ranks", rates, "tasks/s")
    show(f"one task at a time, {ranks} ranks", seconds, "s")


main()
