"""How long uneven learners take together, beside offline schedules of the same tasks.

    mpirun -n 4 python benchmarks/makespan.py

Eight learners, each a chain of tasks, the k-th with tasks k times as long as the first's, on four ranks. Two
schedules that cost nothing, each giving a rank that becomes free a task that is ready: that of the longest
remaining chain, which only who knows all durations can do, and the one that has been ready longest.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable

from jobs import calls, in_session, show
from mpi4py import MPI

from rose_mpi.learners.executor import Executor
from rose_mpi.tasks import Task

UNIT = 0.04
LEARNERS, TASKS, ROUNDS = 8, 6, 3
NAMES = [f"learner-{number}" for number in range(LEARNERS)]
DURATIONS = [UNIT * (number + 1) for number in range(LEARNERS)]


Choice = Callable[[list[int], dict[int, int]], int]


def longest_chain(ready: list[int], left: dict[int, int]) -> int:
    """The learner with most left to do, in seconds."""
    return max(ready, key=lambda number: left[number] * DURATIONS[number])


def first_ready(ready: list[int], left: dict[int, int]) -> int:
    """The learner that has waited longest."""
    return ready[0]


def offline(ranks: int, choice: Choice) -> float:
    """Seconds of a list schedule."""
    left = dict.fromkeys(range(LEARNERS), TASKS)
    ready, running, now = list(left), [], 0.0
    while ready or running:
        while ready and len(running) < ranks:
            number = choice(ready, left)
            ready.remove(number)
            heapq.heappush(running, (now + DURATIONS[number], number))
        now, number = heapq.heappop(running)
        left[number] -= 1
        if left[number]:
            ready.append(number)
    return now


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
    rows = {"makespan (s)": found}
    for name, choice in {"longest chain first": longest_chain, "first ready first": first_ready}.items():
        schedule = offline(MPI.COMM_WORLD.size, choice)
        rows[f"offline, {name} (s)"] = [schedule]
        rows[f"ratio to {name}"] = [seconds / schedule for seconds in found]
    return rows


rows = in_session(measured, learners=())
if rows:
    show("makespan of uneven learners", rows, "")
