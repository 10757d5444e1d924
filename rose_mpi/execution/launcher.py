"""Commands that run as several MPI processes: the words that start them from within the job.

A command is started by what started the ranks of this job, since that knows the machine: Flux, ``srun``,
the ``mpiexec`` of PALS, or the one of the MPI beside this Python or on ``PATH``. Its processes run where the
ranks are that are kept free for it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from rose_mpi.errors import TaskError
from rose_mpi.execution.environment import scrubbed

_PLACEHOLDER: Final = re.compile(r"\{(ranks|hosts|cores)\}")
_ANSWER_SECONDS: Final = 30.0
_OF_MPIEXEC: Final = re.compile(r"OMPI_COMM_WORLD_SIZE|MPI_LOCALNRANKS|HYD")
"""What the ranks have that an ``mpiexec`` started, also one that itself works through ``srun``."""


SESSIONS: Final = "PRTE_MCA_prte_tmpdir_base"
"""Tells the mpiexec of Open MPI 5 where to make its folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rank is that was kept free, and the cores of its tasks."""

    host: str
    cpus: frozenset[int]


def sessions_of(run: str, rank: int) -> Path:
    """A folder on this host for what launchers keep that a rank of a run starts.

    That of Open MPI names its own by its process id, and does not start where a killed one has left such a
    folder.
    """
    return Path(tempfile.gettempdir(), f"rose-{run[-8:]}.{rank}")


def launched(
    argv: Sequence[str],
    places: Sequence[Place],
    cores: int,
    variables: Mapping[str, str],
    template: str = "",
    environ: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """A command as it is started on several ranks, from the first of them.

    Parameters
    ----------
    places:
        One for each process.
    cores:
        Of each process.
    variables:
        What the task's environment holds beyond the rank's own.
    template:
        The user's own words, ``{command}`` among them; ``{ranks}``, ``{hosts}`` and ``{cores}`` are replaced
        in them.
    environ:
        The environment of this rank.

    Raises
    ------
    TaskError
        If there is no launcher.
    """
    hosts = Counter(place.host for place in places)
    ranks, named, each = str(len(places)), ",".join(hosts), str(cores)
    if template:
        values = {"ranks": ranks, "hosts": named, "cores": each}
        return (*_on_cores(places), *_filled(template, argv, values))
    if "FLUX_URI" in environ:
        return (_found("flux"), "run", "-n", ranks, "-c", each, f"--requires=hosts:{named}", *argv)
    if "SLURM_STEP_ID" in environ and not any(map(_OF_MPIEXEC.match, environ)):
        return (*_srun(places, environ.get("SLURMD_NODENAME", "")), "-c", each, *argv)
    if "PALS_APID" in environ:
        size = ("-n", ranks, "--ppn", str(max(hosts.values())), "--depth", each, "--hosts", named)
        return (*_on_cores(places), _found("mpiexec"), *size, *argv)
    return (*_on_cores(places), *_mpiexec(hosts, variables), *argv)


def _srun(places: Sequence[Place], node: str) -> tuple[str, ...]:
    """Slurm's launcher, with one process for each place; ``node`` is its own name of the first host."""
    own = places[0].host
    domain = own.removeprefix(node) if node and own.startswith(f"{node}.") else ""
    hosts = [place.host.removesuffix(domain) for place in places]
    size = ("-n", str(len(hosts)), "-N", str(len(set(hosts))))
    return (
        *(_found("srun"), "--overlap", "--exact", "--export=ALL"),
        *(*size, "-m", "arbitrary", "-w", ",".join(hosts)),
    )


def _on_cores(places: Sequence[Place]) -> tuple[str, ...]:
    """What lets the processes here use the cores of all ranks that were kept free here."""
    taskset = shutil.which("taskset")
    cores = {core for place in places if place.host == places[0].host for core in place.cpus}
    return (taskset, "--cpu-list", ",".join(map(str, sorted(cores)))) if taskset and cores else ()


def _found(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise TaskError(
            f"a command on several ranks needs {name}, which is not on PATH: load the module of your MPI"
        )
    return program


def _mpiexec(hosts: Counter[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """The launcher of an MPI, with so many processes on each host, also beyond its cores."""
    beside = Path(sys.executable).with_name("mpiexec")
    program = str(beside) if beside.exists() else _found("mpiexec")
    ranks, slots = str(hosts.total()), ",".join(f"{host}:{count}" for host, count in hosts.items())
    if _is_open_mpi(program):
        exported = [word for name in variables for word in ("-x", name)] if len(hosts) > 1 else []
        alone = ("--stdin", "none")  # an empty one never ends for its first process
        return (program, "--host", slots, "--bind-to", "none", *alone, "-n", ranks, *exported)
    starting = ("-launcher", "fork") if len(hosts) == 1 else ()
    return (program, *starting, "-hosts", slots, "-n", ranks)


@cache
def _is_open_mpi(program: str) -> bool:
    """What kind of mpiexec it is; all others understand the words of MPICH's."""
    try:
        asked = subprocess.run(
            [program, "--version"],
            env=scrubbed(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):  # the command will not start either, and say why
        return False
    return "Open MPI" in asked.stdout or "OpenRTE" in asked.stdout


def _filled(template: str, argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    words = shlex.split(template)
    place = words.index("{command}")
    before, behind = (
        [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in part]
        for part in (words[:place], words[place + 1 :])
    )
    program = before[:1] if before and "/" in before[0] else [_found(word) for word in before[:1]]
    return [*program, *before[1:], *argv, *behind]
