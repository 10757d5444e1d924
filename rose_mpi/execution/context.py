"""What every task of a run shares, as each rank knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rose_mpi.execution.gpus import Gpus
from rose_mpi.layout import Layout


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run on one rank.

    Attributes
    ----------
    run:
        Identifier of this run, unique on this machine.
    root:
        Folder against which words of a command that name files are resolved, and where modules of
        functions are looked for first (the configuration's folder).
    rank, host:
        World rank and name of the host.
    cpus:
        Cores that the rank's tasks may use.
    environment:
        Variables from the configuration, for all tasks.
    gpus:
        GPUs that no other rank has.
    preload:
        Modules for a Python that each rank keeps ready for scripts; ``None``: none is.
    launcher:
        Words that start a command of several ranks; empty: found.
    leftovers:
        Whether an attempt may have begun before: in an interrupted part of the run, or on a rank now lost.
    """

    run: str
    root: str
    layout: Layout
    rank: int
    host: str
    cpus: frozenset[int]
    environment: Mapping[str, str] = field(default_factory=dict)
    gpus: Gpus = field(default_factory=Gpus)
    preload: tuple[str, ...] | None = None
    launcher: str = ""
    leftovers: bool = True
