"""How long uneven learners take together, beside an offline schedule of the same tasks.

    mpirun -n 4 python benchmarks/makespan.py

Eight learners, each a chain of tasks, the k-th with tasks k times as long as the first's, on four ranks. The
offline schedule gives a rank that becomes free to the learner that has most left to do, and costs nothing.
"""

from __future__ import annotations

import asyncio
import heapq
import time

from jobs import calls, in_session, show
from mpi4py import MPI

from rose_mpi.learners.executor import Executor
from rose_mpi.tasks import Task

UNIT = 0.04
LEARNERS, TASKS, ROUNDS = 8, 6, 3
NAMES = [f"learner-{number}" for number in range(LEARNERS)]
DURATIONS = [UNIT * (number + 1) for number in range(LEARNERS)]


def offline(ranks: int) -> float:
    """Seconds of a list schedule, longest remaining chain first."""
    left = dict.fromkeys(range(LEARNERS), TASKS)
    ready, running, now, last = set(left), [], 0.0, 0.0
    while ready or running:
        while ready and len(running) < ranks:
            longest = max(ready, key=lambda number: left[number] * DURATIONS[number])
            ready.discard(longest)
            heapq.heappush(running, (now + DURATIONS[longest], longest))
        now, number = heapq.heappop(running)
        last = now
        left[number] -= 1
        if left[number]:
            ready.add(number)
    return last


async def measured(executor: Executor) -> dict[str, list[float]]:
    """Seconds of each round."""

    async def chain(name: str, seconds: float) -> None:
        for _ in range(TASKS):
            await executor.run_stage(calls(Task(f"/bin/sleep {seconds}"), 1, name))
        executor.close(name)

    found = []
    for number in range(ROUNDS):
        names = [f"{name}.{number}" for name in NAMES]
        await executor.open(names)
        start = time.perf_counter()
        await asyncio.gather(*map(chain, names, DURATIONS))
        found.append(time.perf_counter() - start)
    schedule = offline(MPI.COMM_WORLD.size)
    ratios = [seconds / schedule for seconds in found]
    return {"makespan (s)": found, "offline schedule (s)": [schedule], "ratio": ratios}


rows = in_session(measured, learners=())
if rows:
    show("makespan of uneven learners", rows, "")
