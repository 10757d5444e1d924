"""What a rank asks of its helper process, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct


class Spawn(Struct, frozen=True):
    """A process to start.

    Attributes
    ----------
    token:
        Names it in all that follows; unique among those that run.
    argv:
        Program (a path) and arguments.
    environment:
        Variables beyond those of the rank.
    cwd:
        Working folder; made if it does not exist.
    stdout, stderr:
        Log files, which are made (with their folder) when there is output.
    timeout:
        Seconds after which its whole tree is ended.
    waits:
        Whether it begins when fewer processes run than may at a time, and not at once.
    """

    token: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    stdout: str
    stderr: str
    timeout: float | None
    waits: bool = False


class Exited(Struct, frozen=True):
    """How a process ended; times are seconds since 1970-01-01.

    Attributes
    ----------
    exit_code:
        ``None`` if a signal ended it or it was never started.
    signal:
        Name of the signal that ended it; empty if none did.
    timed_out, killed:
        Whether it was ended for its timeout, or by :meth:`.Helper.kill`.
    error:
        Why it could not be started (or ended); empty otherwise.
    last_line:
        Last line of its standard output that is not blank.
    stderr_tail:
        Last lines of its standard error.
    cpu_seconds, max_rss:
        Of the process and of those children it waited for; bytes. A process smaller than the helper
        (about 12 MB) is told with the helper's size: Linux counts from before the exec.
    line_too_long:
        Whether ``last_line`` is empty because it is longer than 1 MiB.
    out_of_memory:
        Folder of the control group in which the kernel killed processes for want of memory while it ran;
        empty if it ended well, or nothing of the kind was seen.
    """

    token: str
    started: float
    finished: float
    exit_code: int | None
    signal: str
    timed_out: bool
    killed: bool
    error: str
    last_line: str
    stderr_tail: str
    cpu_seconds: float
    max_rss: int
    line_too_long: bool = False
    out_of_memory: str = ""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """A preloaded Python for tasks.

    Attributes
    ----------
    modules:
        What it imports.
    environment:
        Variables beyond those of the rank that tasks usually have.
    speaks_for_all:
        Whether this rank tells what is the same on every rank.
    """

    modules: tuple[str, ...]
    environment: dict[str, str]
    speaks_for_all: bool
