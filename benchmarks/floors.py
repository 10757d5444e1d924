"""What no task runner can beat: bare loops that start processes and wait for them."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

PROGRAM = "/bin/true"


def c_seconds(tasks: int, in_flight: int) -> float | None:
    """Seconds of a loop in C around ``posix_spawn``; ``None`` where there is no C compiler."""
    loop = _compiled()
    if loop is None:
        return None
    return float(subprocess.check_output([loop, PROGRAM, str(tasks), str(in_flight)]))


def python_seconds(tasks: int, in_flight: int) -> float:
    """Seconds of the same loop in Python."""
    start, running = time.perf_counter(), 0
    for _ in range(tasks):
        if running == in_flight:
            os.wait()
            running -= 1
        os.posix_spawn(PROGRAM, [PROGRAM], os.environ)
        running += 1
    while running:
        os.wait()
        running -= 1
    return time.perf_counter() - start


@cache
def _compiled() -> str | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source = Path(__file__).with_name("spawn_loop.c")
    folder = tempfile.mkdtemp(prefix="rose-benchmark-")
    atexit.register(shutil.rmtree, folder)
    program = Path(folder, "spawn_loop")
    subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return str(program)
