"""A job whose processes can be found, and killed, whatever became of their parents."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.system.launching import environment

_MARK = "ROSE_TEST_JOB"


@dataclass(frozen=True)
class Process:
    """A process of the job: of which kind, and on which rank (-1 where it is on none)."""

    pid: int
    kind: str
    rank: int


class Job:
    """A command that runs; its processes carry a mark in their environment."""

    def __init__(self, command: Sequence[str | Path], cwd: Path) -> None:
        self.mark = uuid4().hex
        self._output = (cwd / "output.txt").open("ab")
        self._launched = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env={**environment(), _MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def code(self) -> int | None:
        """The exit code of what was launched; ``None`` while it runs."""
        return self._launched.poll()

    def wait(self, seconds: float) -> int:
        """Wait for the launched process's end."""
        return self._launched.wait(seconds)

    def processes(self) -> list[Process]:
        """All that are alive now."""
        return [process for pid in _pids() if (process := self._seen(pid))]

    def kill(self, processes: Sequence[Process]) -> None:
        """Kill some of them, at once."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def kill_all(self, seconds: float = 20.0) -> None:
        """Kill all, also those that begin meanwhile."""
        end = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < end, left
            self.kill(left)
            self._launched.poll()
            time.sleep(0.02)
        self._launched.wait(seconds)
        self._output.close()

    def gone_after(self, seconds: float) -> list[Process]:
        """Those that are still there after some time; empty as soon as there are none."""
        end = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < end:
            self._launched.poll()
            time.sleep(0.05)
        return left

    def _seen(self, pid: int) -> Process | None:
        folder = Path("/proc") / str(pid)
        try:
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return None
            variables = dict(
                line.split("=", 1)
                for line in (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                if "=" in line
            )
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return None
        if variables.get(_MARK) != self.mark:
            return None
        rank = int(variables.get("OMPI_COMM_WORLD_RANK", variables.get("PMI_RANK", "-1")))
        return Process(pid, _kind(variables, words, rank), rank)


def _kind(variables: dict[str, str], words: Sequence[str], rank: int) -> str:
    if "ROSE_TASK" in variables:
        return "task"
    if any("rose_mpi.execution" in word or "execution/helper" in word for word in words):
        return "helper"
    if rank < 0:
        return "launcher"
    return "first" if rank == 0 else "rank"


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
