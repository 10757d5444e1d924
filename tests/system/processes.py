"""Finds the processes of a run in /proc."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def tasks_of(folder: Path) -> list[int]:
    """Processes of the tasks of a run whose configuration lies in ``folder``."""
    mark = f"ROSE_ROOT={folder}".encode()
    return [pid for pid, text in _read("environ") if mark in text.split(b"\0")]


def ranks_of(config: Path) -> list[int]:
    """Processes that run ``rose-mpi`` with this configuration, the launcher left out."""
    words = str(config).encode()
    found = []
    for pid, text in _read("cmdline"):
        line = text.split(b"\0")
        if words in line and b"-n" not in line:
            found.append(pid)
    return sorted(found)


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether the condition comes true within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def _read(name: str) -> list[tuple[int, bytes]]:
    texts = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            texts.append((int(folder.name), (folder / name).read_bytes()))
        except OSError:
            continue
    return texts
