"""How quickly a script starts, runs and is told as ended: from a preloaded Python, and started anew.

    python benchmarks/warm_python.py [ROUNDS]

Each script imports something and does nothing with it. Both ways run by turns, through one helper process;
figures are medians. Prints a table, then the same figures as JSON lines.
"""

from __future__ import annotations

import json
import logging
import select
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from rose_mpi.execution.context import RunContext
from rose_mpi.execution.environment import usual_environment
from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.spawned import Spawn, WarmStart
from rose_mpi.layout import Layout

SCRIPTS = {
    "nothing": "",
    "numpy": "import numpy",
    "numpy, sklearn": "import numpy, sklearn",
    "numpy, sklearn.ensemble": "import numpy, sklearn.ensemble",
}
PRELOAD = ("numpy", "sklearn", "sklearn.ensemble")
WARM_PER_ROUND = 10
PAUSE = 0.03
BURST = 100


class Starter:
    """Runs scripts through a helper process, warm or not."""

    def __init__(self, folder: Path) -> None:
        context = RunContext(uuid.uuid4().hex, str(folder), Layout(folder / "r.h5"), 0, "host", frozenset())
        self._environment = usual_environment(context)
        self._folder = folder
        self._helper = Helper(context.run, frozenset(), WarmStart(PRELOAD, self._environment, True))
        self._numbers = iter(range(1_000_000))
        self._running = 0

    def start(self, script: Path, warm: bool) -> None:
        """Start a script; another thread number makes it start anew."""
        token = str(next(self._numbers))
        marks = {"ROSE_TASK": token, "ROSE_ATTEMPT": "0"} | ({} if warm else {"ANOTHER_NUM_THREADS": "1"})
        log = str(self._folder / token)
        words = (sys.executable, str(script))
        self._running += 1
        self._helper.start(Spawn(token, words, self._environment | marks, str(self._folder), log, log, None))

    def wait(self, running: int = 0) -> None:
        """Wait until so many scripts still run."""
        while self._running > running:
            select.select([self._helper], [], [])
            for exited in self._helper.poll():
                if exited.exit_code != 0:
                    raise RuntimeError(exited)
                self._running -= 1

    def seconds(self, script: Path, warm: bool) -> float:
        """From the order to the news of the end, after a pause as between real tasks."""
        time.sleep(PAUSE)
        began = time.perf_counter()
        self.start(script, warm)
        self.wait()
        return time.perf_counter() - began

    def rate(self, script: Path, in_flight: int) -> float:
        """Scripts per second with so many at a time, warm."""
        began = time.perf_counter()
        for _ in range(BURST):
            self.wait(in_flight - 1)
            self.start(script, warm=True)
        self.wait()
        return BURST / (time.perf_counter() - began)

    def wait_until_ready(self, script: Path) -> float:
        """Seconds until a start is warm."""
        began = time.perf_counter()
        while self.seconds(script, warm=True) > 0.2 and time.perf_counter() - began < 60:
            pass
        return time.perf_counter() - began

    def close(self) -> None:
        """End the helper process."""
        self._helper.close()


def rows(starter: Starter, scripts: dict[str, Path], rounds: int) -> Iterator[dict[str, str | float]]:
    """Yield one row for each script."""
    times: dict[tuple[str, bool], list[float]] = {}
    for _ in range(rounds):
        for name, script in scripts.items():
            times.setdefault((name, False), []).append(starter.seconds(script, warm=False))
            for _ in range(WARM_PER_ROUND):
                times.setdefault((name, True), []).append(starter.seconds(script, warm=True))
    for name, script in scripts.items():
        anew, warm = (1e3 * statistics.median(times[name, kind]) for kind in (False, True))
        yield {
            "imports": name,
            "anew_ms": round(anew, 1),
            "warm_ms": round(warm, 2),
            "warm_min_ms": round(1e3 * min(times[name, True]), 2),
            "ratio": round(anew / warm, 1),
            "warm_per_s_2_in_flight": round(starter.rate(script, 2)),
        }


def main() -> None:
    """Measure, and print the table and the JSON lines."""
    logging.basicConfig()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory(prefix="rose-benchmark-") as name:
        folder = Path(name)
        scripts = {}
        for number, (imports, text) in enumerate(SCRIPTS.items()):
            scripts[imports] = folder / f"script{number}.py"
            scripts[imports].write_text(text)
        starter = Starter(folder)
        ready = starter.wait_until_ready(scripts["numpy, sklearn"])
        table = list(rows(starter, scripts, rounds))
        starter.close()
    print(f"preloaded {', '.join(PRELOAD)} in {ready:.1f} s")
    for row in table:
        print("  ".join(f"{key} {value:>7}" for key, value in row.items()))
    for row in table:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
