"""A session for measurements: rank 0 runs a coroutine with the executor, the other ranks serve."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from mpi4py import MPI

from rose_mpi.events import Event, Observer, RunStarted
from rose_mpi.layout import Layout
from rose_mpi.learners.executor import Executor
from rose_mpi.mpi.messages import Settings
from rose_mpi.mpi.session import Session, serve
from rose_mpi.mpi.world import join_world
from rose_mpi.store.writer import ResultsWriter
from rose_mpi.tasks import Function, Task, TaskCall, TaskId

Body = Callable[[Executor], Awaitable[Any]]
_numbers = iter(range(1_000_000))


def in_session(
    body: Body,
    learners: Sequence[str] = ("a",),
    slots: int = 1,
    observe: Observer = lambda event: None,
    record: bool = True,
) -> Any:
    """Run ``body`` on rank 0 of all processes; returns its value there and ``None`` elsewhere.

    Results are recorded in a file as in any run, unless told otherwise.
    """
    world = join_world(MPI.COMM_WORLD)
    if world.rank:
        serve(world)
        return None
    with tempfile.TemporaryDirectory(prefix="rose-benchmark-") as folder:
        session = Session(world, on_stop=lambda: None)
        settings = Settings(
            Path(folder).name, str(Path(__file__).parent), Layout(Path(folder) / "r.h5"), {}, slots, ()
        )
        recorder = _Recorder(settings, observe) if record else None
        tell = recorder or observe
        executor = session.begin(settings, dedicated=False, ranks_per_learner=None, observe=tell)

        async def main() -> Any:
            if learners:
                await executor.open(learners)
            return await body(executor)

        value = asyncio.run(main())
        session.settle()
        if recorder:
            recorder.writer.close()
        session.close()
    return value


class _Recorder:
    def __init__(self, settings: Settings, observe: Observer) -> None:
        self.writer = ResultsWriter(settings.layout)
        self.writer(RunStarted(settings.run, time.time(), 0, MPI.COMM_WORLD.size, (), ""))
        self._observe = observe

    def __call__(self, event: Event) -> None:
        self.writer(event)
        self._observe(event)


def calls(work: Task | Function, count: int, learner: str = "a") -> list[TaskCall]:
    """A stage of equal tasks under a name not used before."""
    stage = f"stage{next(_numbers)}"
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=index) for index in range(count)]


def show(title: str, rows: dict[str, list[float]], unit: str) -> None:
    """Print medians and ranges as a table, then as JSON lines."""
    print(title)
    for name, values in rows.items():
        middle = statistics.median(values)
        print(f"  {name:<44} {middle:12.4g} {unit}   ({min(values):.4g} to {max(values):.4g})")
    for name, values in rows.items():
        record = {"benchmark": title, "row": name, "unit": unit, "values": values}
        print(json.dumps(record | {"median": statistics.median(values)}))
