"""Small things that the tests of this room share."""

import os
import select
import time
from pathlib import Path

from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.spawned import Exited, Spawn, WarmStart
from rose_mpi.tasks import Expects, Function, Task, TaskCall, TaskId


class Runner:
    """A helper process, and what a test needs around it."""

    def __init__(self, folder: Path, run: str, warm: WarmStart | None = None, slots: int = 1) -> None:
        self.folder = folder
        self.run = run
        self.helper = Helper(run, frozenset(), warm, slots)

    def spawn(self, token: str, *argv: str, timeout: float | None = None, **environment: str) -> Spawn:
        return Spawn(
            token=token,
            argv=argv,
            environment={"ROSE_TASK": token, "ROSE_ATTEMPT": "0", **environment},
            cwd=str(self.folder / "work"),
            stdout=str(self.folder / "logs" / f"{token}.out"),
            stderr=str(self.folder / "logs" / f"{token}.err"),
            timeout=timeout,
        )

    def start(self, token: str, *argv: str, timeout: float | None = None, **environment: str) -> None:
        self.helper.start(self.spawn(token, *argv, timeout=timeout, **environment))

    def shell(self, token: str, script: str, timeout: float | None = None) -> None:
        self.start(token, "/bin/sh", "-c", script, timeout=timeout)

    def wait(self, count: int = 1, seconds: float = 30.0) -> list[Exited]:
        ended: list[Exited] = []
        until = time.monotonic() + seconds
        while len(ended) < count:
            left = until - time.monotonic()
            assert left > 0, f"only {len(ended)} of {count} tasks ended"
            select.select([self.helper], [], [], left)
            ended += self.helper.poll()
        return ended

    def one(self, *argv: str, timeout: float | None = None, **environment: str) -> Exited:
        self.start("one", *argv, timeout=timeout, **environment)
        return self.wait()[0]

    def log(self, name: str) -> Path:
        return self.folder / "logs" / name


def marked(marker: str) -> list[int]:
    """Living processes whose environment, or command line, holds a marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if state != "Z" and marker.encode() in told:
            found.append(int(entry.name))
    return found


def eventually(condition, seconds: float = 15.0) -> bool:
    """Whether a condition comes true within some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def call_of(
    work: Task | Function, expects: Expects = Expects.ANYTHING, selection: str | None = None
) -> TaskCall:
    return TaskCall(TaskId("digits", 3, "training", 2, "mlp"), work, 17, expects, selection)
