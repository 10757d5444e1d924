"""What keeping a run costs: records into the log, folds into the results file, load during a run.

    python benchmarks/store.py [FOLDER]

FOLDER says on which file system to write (a temporary folder unless given). Prints a table, then the same
figures as JSON lines.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rose_mpi.events import Event, IterationFinished, IterationState, LearnerStarted, RunStarted, TaskFinished
from rose_mpi.layout import Layout
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.reader import read_results
from rose_mpi.store.records import record_of
from rose_mpi.store.writer import ResultsWriter
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

STARTED = RunStarted("benchmark", time.time(), 7, 16, ("node001",), "config_version = 1\n")
LEARNER = LearnerStarted("entropy", "uq", (1, 2), ("mlp", "forest"), "accuracy", 0.9, ">=", 100)
TASKS_PER_ITERATION = 100

Row = dict[str, str | float]


def task(number: int) -> TaskFinished:
    """A task as a campaign has them: a small JSON result, two hosts."""
    now = time.time()
    iteration, index = divmod(number, TASKS_PER_ITERATION)
    identity = TaskId("entropy", iteration, "simulation", index)
    result = TaskResult(
        identity,
        attempt=0,
        status=TaskStatus.DONE,
        rank=index % 16,
        host=f"node00{index % 2}",
        queued=now,
        started=now,
        finished=now,
        value={"energy": -1.5 * number, "steps": number},
        exit_code=0,
        cpu_seconds=0.5,
        max_rss=120_000_000,
    )
    return TaskFinished(result)


def iteration(number: int) -> IterationFinished:
    """An iteration that queried 20 candidates."""
    now = time.time()
    indices, scores = tuple(range(20)), tuple(1.0 / (k + 1) for k in range(20))
    return IterationFinished(
        IterationState(
            "entropy", number, now, now, 0.5, {"mlp": 0.5, "forest": 0.5}, 0.5, 0.3, indices, scores
        )
    )


def log_rate(folder: Path, tasks: int) -> Row:
    """From the first event until the last one is written, while folds go on as they do in a run."""
    layout = Layout(folder / f"rate-{tasks}.h5")
    writer = ResultsWriter(layout)
    writer(STARTED)
    writer(LEARNER)
    events: list[Event] = [task(number) for number in range(tasks)]
    began = time.perf_counter()
    for event in events:
        writer(event)
    taken = time.perf_counter() - began
    while writer.written < tasks + 2:
        time.sleep(0.0005)
    seconds = time.perf_counter() - began
    writer.close()
    return {
        "what": "log",
        "tasks": tasks,
        "records_per_s": round(tasks / seconds),
        "taken_per_s": round(tasks / taken),
    }


def fold(folder: Path, tasks: int) -> Row:
    """A new results file with all tasks, its fsyncs included; and reading it."""
    layout = Layout(folder / f"fold-{tasks}.h5")
    keeper = Keeper(layout, STARTED)
    keeper.fold(lambda: None)
    keeper.add(LEARNER)
    for number in range(tasks):
        keeper.add(record_of(task(number)))
        if number % TASKS_PER_ITERATION == TASKS_PER_ITERATION - 1:
            keeper.add(record_of(iteration(number // TASKS_PER_ITERATION)))
    log_size = keeper.log_size
    fold_seconds = _seconds(lambda: keeper.fold(lambda: None))
    read_seconds = _seconds(lambda: read_results(layout.results))
    return {
        "what": "fold",
        "tasks": tasks,
        "fold_ms": round(1e3 * fold_seconds, 1),
        "fold_us_per_task": round(1e6 * fold_seconds / tasks, 1),
        "log_bytes_per_task": round(log_size / tasks, 1),
        "file_bytes_per_task": round(keeper.file_size / tasks, 1),
        "read_ms": round(1e3 * read_seconds, 1),
    }


def load(folder: Path, per_second: int, seconds: int) -> Row:
    """What keeping adds to a run with this many tasks a second, in % of its wall time.

    ``wall_percent`` is what rank 0's loop waits for, ``cpu_percent`` what all threads compute.
    """
    plain, plainly = _paced(lambda event: None, per_second, seconds)
    writer = ResultsWriter(Layout(folder / "load.h5"))
    writer(STARTED)
    writer(LEARNER)
    kept, keeping = _paced(writer, per_second, seconds)
    end = _seconds(writer.close)
    return {
        "what": "load",
        "tasks": per_second * seconds,
        "tasks_per_s": per_second,
        "wall_percent": round(100 * (keeping - plainly) / seconds, 2),
        "cpu_percent": round(100 * (kept - plain) / seconds, 2),
        "close_ms": round(1e3 * end, 1),
    }


def _paced(observe: Callable[[Event], None], per_second: int, seconds: int) -> tuple[float, float]:
    """Processor seconds, and those in ``observe``, of a run that hands over a hundredth's tasks at a time."""
    began, used, observing = time.perf_counter(), time.process_time(), 0.0
    for step in range(100 * seconds):
        events = [task(step * (per_second // 100) + number) for number in range(per_second // 100)]
        start = time.perf_counter()
        for event in events:
            observe(event)
        observing += time.perf_counter() - start
        time.sleep(max(0.0, began + (step + 1) / 100 - time.perf_counter()))
    return time.process_time() - used, observing


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the table and the JSON lines."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        rows = [log_rate(folder, 100_000)]
        rows += [fold(folder, tasks) for tasks in (1_000, 10_000, 100_000)]
        rows += [load(folder, 1_000, 20)]
    for row in rows:
        print("  ".join(f"{key} {value:>9}" for key, value in row.items()))
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
