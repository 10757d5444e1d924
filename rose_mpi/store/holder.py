"""Who holds the lock of a results file, and whether that process lives."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

_ZOMBIE: Final = "Z"


class Holder(msgspec.Struct, frozen=True):
    """A process that writes a results file.

    Attributes
    ----------
    machine:
        The boot and the process name space that ``pid`` belongs to.
    begun:
        When the process began, in the kernel's ticks since the boot.
    since:
        When it took the lock, in seconds since 1970-01-01.
    token:
        Different for each lock that was ever taken.
    touched:
        When the lock was last touched, as read from its file.
    """

    run: str
    host: str
    pid: int
    machine: str
    begun: int
    since: float
    token: str
    touched: float = 0.0

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"run {self.run!r} on {self.host} (process {self.pid}, since {since})"

    def text(self) -> str:
        """What the lock's file says."""
        return msgspec.json.format(msgspec.json.encode(self)).decode() + "\n"

    def is_alive(self) -> bool | None:
        """Whether the process lives; ``None`` where that cannot be seen from here."""
        return _begun(self.pid) == self.begun if self.machine == _machine() else None


def this_process(run: str) -> Holder:
    """The running process as a holder."""
    pid = os.getpid()
    return Holder(run, socket.gethostname(), pid, _machine(), _begun(pid) or 0, time.time(), uuid4().hex)


def holder_in(lock: Path) -> Holder | None:
    """Who holds a lock; ``None`` if there is none. A file that nobody can read has an unknown holder."""
    try:
        text, touched = lock.read_bytes(), lock.stat().st_mtime
    except OSError:
        return None
    try:
        return msgspec.structs.replace(msgspec.json.decode(text, type=Holder), touched=touched)
    except msgspec.MsgspecError:
        return Holder("?", "an unknown host", 0, "", 0, touched, "", touched)


def _begun(pid: int) -> int | None:
    """When a process of this machine began; ``None`` if it is no more."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] == _ZOMBIE else int(words[19])


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
