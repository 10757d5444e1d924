"""What the kernel tells of processes that it killed for want of memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

_TYPE, _ROOT, _MOUNT_POINT = -3, 3, 4


class OutOfMemory:
    """The count of such kills in the control group of this process, where the kernel lets it be seen.

    Attributes
    ----------
    group:
        Folder of the control group; empty if nothing can be seen.
    """

    def __init__(self) -> None:
        self.group = ""
        self._file = -1
        for folder, name in _candidates():
            try:
                self._file = os.open(f"{folder}/{name}", os.O_RDONLY)
            except OSError:
                continue
            self.group = folder
            return

    def seen(self) -> bytes:
        """What the kernel says now, for :meth:`since`."""
        return os.pread(self._file, 1024, 0) if self.group else b""

    def since(self, before: bytes) -> int:
        """How many processes it has killed since then."""
        return _kills(self.seen()) - _kills(before)


def _kills(text: bytes) -> int:
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(b"oom_kill ")), 0)


def _candidates() -> Iterator[tuple[str, str]]:
    """Folders of the control groups that may count, each with the file for it: of version 2, then of 1."""
    mounts = _mounts()
    with open("/proc/self/cgroup") as file:  # noqa: PTH123
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, group in groups:
        if not controllers:
            yield from ((_folder(mount, group), "memory.events") for mount in mounts.get("cgroup2", ()))
    for _, controllers, group in groups:
        if "memory" in controllers.split(","):
            yield from ((_folder(mount, group), "memory.oom_control") for mount in mounts.get("memory", ()))


def _mounts() -> dict[str, list[list[str]]]:
    """Mounted hierarchies: of version 2 as ``cgroup2``, of version 1 by each controller's name."""
    found: dict[str, list[list[str]]] = {}
    with open("/proc/self/mountinfo") as file:  # noqa: PTH123
        for fields in map(str.split, file):
            controllers = fields[-1].split(",") if fields[_TYPE] == "cgroup" else []
            for name in ["cgroup2"] if fields[_TYPE] == "cgroup2" else controllers:
                found.setdefault(name, []).append(fields)
    return found


def _folder(mount: list[str], group: str) -> str:
    """Where a control group is seen below a mount point, which may show a part of the hierarchy only."""
    return mount[_MOUNT_POINT] + ("/" + group.removeprefix(mount[_ROOT]).lstrip("/")).rstrip("/")
