"""Trees of processes, as ``/proc`` shows them."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

Children = dict[int, list[int]]
_ROUNDS = 20
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Be the parent of all orphans among this process's descendants."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(number)}")


def wakeup_of_exits() -> int:
    """A descriptor that can be read when a child has ended."""
    wakeup, trigger = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(trigger, False)
    signal.set_wakeup_fd(trigger, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wakeup


def name_of_signal(number: int) -> str:
    """``SIGKILL`` and the like; real-time signals by number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def children_by_parent() -> Children:
    """Who is whose child, over all processes of the machine that can be seen."""
    children: Children = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (stat := _stat(entry.name)):
            children[int(stat[1])].append(int(entry.name))
    return children


def with_descendants(roots: Iterable[int]) -> Iterator[int]:
    """Yield ``roots``, each at once, and then all processes below them."""
    below = []
    for root in roots:
        yield root
        below.append(root)
    children = children_by_parent() if below else {}
    while below:
        offspring = children.get(below.pop(), [])
        yield from offspring
        below += offspring


def is_child(pid: int) -> bool:
    """Whether a process is a child of this one, alive or not yet waited for."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def session_of(pid: int) -> int:
    """Session that a process belongs to; 0 if it is gone."""
    stat = _stat(str(pid))
    return int(stat[3]) if stat else 0


def environment_of(pid: int) -> dict[bytes, bytes]:
    """Environment that a process was started with; empty if it cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    return {name: value for name, _, value in (entry.partition(b"=") for entry in entries)}


def environments() -> Iterator[tuple[int, dict[bytes, bytes]]]:
    """All processes that can be seen, with the environment that each was started with."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            yield int(entry.name), environment_of(int(entry.name))


def send_signal(pids: Iterable[int], number: int) -> None:
    """Signal processes; those that are gone or not ours to signal are left out."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_all(find: Callable[[], Iterable[int]]) -> None:
    """Kill the processes that ``find`` finds, those that fork all the time too.

    Each is stopped as soon as it is found, in rounds until no new one appears, before the first is killed.
    """
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        before = len(stopped)
        for pid in find():
            if pid not in stopped:
                send_signal([pid], signal.SIGSTOP)
                stopped.add(pid)
        if len(stopped) == before:
            break
    send_signal(stopped, signal.SIGKILL)


def kill_all_below() -> None:
    """Kill every process below this one, and wait until none is left.

    None is stopped before: this process may be killed too, and nobody would end what it had stopped.
    """
    offspring = Offspring()
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        send_signal(with_descendants(offspring.pids()), signal.SIGKILL)
        time.sleep(0.002)


class Offspring:
    """Children of this (single-threaded) process, dead ones not yet waited for included."""

    def __init__(self) -> None:
        pid = os.getpid()
        try:
            self._file: int | None = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
        except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
            self._file = None

    def pids(self) -> list[int]:
        """Their process ids."""
        if self._file is None:
            return children_by_parent()[os.getpid()]
        text = b""
        while part := os.pread(self._file, 65536, len(text)):
            text += part
        return [int(pid) for pid in text.split()]


def _stat(pid: str) -> list[bytes]:
    """State, parent, process group, session, … of a process; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []
