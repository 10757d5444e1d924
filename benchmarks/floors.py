"""What no task runner can beat: bare loops that start processes and wait for them.

They start them with what tasks are started with, so that they can be compared within a job: without the
launcher's variables, whose folders every program would search for its libraries.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from rose_mpi.execution.environment import scrubbed

PROGRAM = "/bin/true"
ENVIRONMENT = scrubbed(os.environ)


def c_seconds(tasks: int, in_flight: int) -> float | None:
    """Seconds of a loop in C around ``posix_spawn``, as a session of its own; ``None``: no C compiler."""
    loop = _compiled()
    if loop is None:
        return None
    command = [loop, PROGRAM, str(tasks), str(in_flight)]
    return float(subprocess.check_output(command, env=ENVIRONMENT, start_new_session=True))


def python_seconds(tasks: int, in_flight: int) -> float:
    """Seconds of the same loop in Python."""
    start, running = time.perf_counter(), 0
    for _ in range(tasks):
        if running == in_flight:
            os.wait()
            running -= 1
        os.posix_spawn(PROGRAM, [PROGRAM], ENVIRONMENT)
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
