"""The GPUs of a rank: which there are, which are its own, and which task has them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

_VARIABLES: Final = (
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "CUDA_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
)
_TOOLS: Final = {
    ("nvidia-smi", "-L"): "CUDA_VISIBLE_DEVICES",
    ("rocm-smi", "--showid", "--csv"): "ROCR_VISIBLE_DEVICES",
}
_NAME: Final = re.compile(r"\d+(\.\d+)?|GPU-.+|MIG-.+")
"""Of a device, as the variables have it; Slurm's ``NoDevFiles`` is none."""
_LISTED: Final = re.compile(r"GPU \d+:|card\d+,")
"""Begins the line of a GPU in what a tool says; lines of its parts and warnings begin otherwise."""
_TOOL_SECONDS: Final = 10.0
_BOUND: Final = "SLURM_GPUS_PER_TASK"
"""Where it is set, each rank has GPUs of its own, also if several call theirs ``0``."""


@dataclass(frozen=True, slots=True)
class Gpus:
    """Some GPUs.

    Attributes
    ----------
    names:
        Numbers or identifiers.
    variable:
        The environment variable by which a process is told which it may use; empty where there are none.
    bound:
        Whether no other rank has them.
    """

    names: tuple[str, ...] = ()
    variable: str = ""
    bound: bool = False


def visible_gpus(environ: Mapping[str, str] = os.environ) -> Gpus:
    """The GPUs of this process: what the scheduler's variables say, else what the driver's tools list."""
    for variable in _VARIABLES:
        if variable in environ:
            return Gpus(tuple(dict.fromkeys(_named(environ[variable]))), variable, _BOUND in environ)
    return next((Gpus(found, name) for tool, name in _TOOLS.items() if (found := _listed(tool))), Gpus())


def share_of_gpus(own: Gpus, peers: Sequence[tuple[int, Gpus]], rank: int) -> Gpus:
    """The GPUs that are this rank's alone.

    Ranks that see the same ones divide them contiguously in the order of their numbers; if they are more than
    the GPUs, some have none. What no other rank sees is kept.

    Parameters
    ----------
    own:
        What this rank sees.
    peers:
        World rank and GPUs of every rank on the node that runs tasks; this one's may be among them.
    """
    if own.bound:
        return own
    sharers = sorted({rank} | {peer for peer, other in peers if other == own})
    position = sharers.index(rank)
    first = position * len(own.names) // len(sharers)
    end = (position + 1) * len(own.names) // len(sharers)
    return Gpus(own.names[first:end], own.variable)


@dataclass(slots=True)
class GpuPool:
    """Hands out a rank's GPUs, each to one task at a time."""

    gpus: Gpus
    _free: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._free = list(self.gpus.names)

    def take(self, count: int) -> tuple[str, ...] | None:
        """So many GPUs; ``None`` while too many are in use."""
        if count > len(self._free):
            return None
        taken, self._free = tuple(self._free[:count]), self._free[count:]
        return taken

    def give_back(self, names: Sequence[str]) -> None:
        """A task has ended."""
        self._free += names


def _named(value: str) -> Iterator[str]:
    """Yield the devices of a variable up to the first that is none, as the drivers do."""
    names = (name.strip() for name in value.split(","))
    return takewhile(_NAME.fullmatch, names)


def _listed(command: tuple[str, ...]) -> tuple[str, ...]:
    if shutil.which(command[0]) is None:
        return ()
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    lines = filter(_LISTED.match, answer.stdout.splitlines())
    return tuple(str(number) for number, _ in enumerate(lines))
