"""What the helper process costs that starts a rank's tasks.

    python benchmarks/spawn.py [ROUNDS]

Bare loops in C and in Python beside the helper process with a client that does nothing else, without MPI:
tasks per second, and the processor time of helper and client per task. All by turns; figures are medians.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from select import select

from floors import PROGRAM, c_seconds, python_seconds
from jobs import show

from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.spawned import Spawn

TASKS = 600
ENVIRONMENT = {f"ROSE_VARIABLE_{number}": "value" for number in range(16)}


def helper_seconds(helper: Helper, folder: Path, tasks: int, in_flight: int) -> float:
    """Seconds of so many tasks with output pipes, limits and whole trees in view."""
    logs = [str(folder / name) for name in ("out", "err")]
    start, begun, ended = time.perf_counter(), 0, 0
    while ended < tasks:
        while begun < tasks and begun - ended < in_flight:
            helper.start(Spawn(str(begun), (PROGRAM,), ENVIRONMENT, str(folder), *logs, None))
            begun += 1
        select([helper], [], [])
        ended += len(helper.poll())
    return time.perf_counter() - start


def processor_seconds(pid: int) -> float:
    """Processor time of another process so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def one_round(helper: Helper, folder: Path, rows: dict[str, dict[str, list[float]]]) -> None:
    """Measure everything once."""

    def note(unit: str, row: str, value: float) -> None:
        rows[unit].setdefault(row, []).append(value)

    for in_flight in (1, 2):
        where = f"{in_flight} in flight"
        bare = c_seconds(TASKS, in_flight)
        if bare is not None:
            note("tasks/s", f"loop in C, {where}", TASKS / bare)
        note("tasks/s", f"loop in Python, {where}", TASKS / python_seconds(TASKS, in_flight))
        before = processor_seconds(helper.pid), time.process_time()
        note("tasks/s", f"helper process, {where}", TASKS / helper_seconds(helper, folder, TASKS, in_flight))
        after = processor_seconds(helper.pid), time.process_time()
        for who, begin, end in zip(("helper", "client"), before, after, strict=True):
            note("s", f"processor time of the {who}, {where}", (end - begin) / TASKS)


def main() -> None:
    """Run the rounds and print what was seen."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    rows: dict[str, dict[str, list[float]]] = {"tasks/s": {}, "s": {}}
    if c_seconds(1, 1) is None:
        print("no C compiler (cc, gcc): the loop in C is left out")
    with tempfile.TemporaryDirectory(prefix="rose-benchmark-") as name:
        helper = Helper("benchmark", frozenset())
        helper_seconds(helper, Path(name), 20, 2)
        for _ in range(rounds):
            one_round(helper, Path(name), rows)
        helper.close()
    show("starting tasks", rows["tasks/s"], "tasks/s")
    show("processor time per task", rows["s"], "s")


main()
