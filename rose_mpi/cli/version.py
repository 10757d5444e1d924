"""`rose-mpi --version`, and with `-v` what the job has."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click
import numpy as np

from rose_mpi import __version__
from rose_mpi.cli.wording import counted
from rose_mpi.errors import RoseError
from rose_mpi.exit_codes import ExitCode
from rose_mpi.mpi.first_rank import is_first_rank
from rose_mpi.mpi.inventory import Place, mpi_library, places
from rose_mpi.mpi.world import join_world
from rose_mpi.telling import tell


def print_environment() -> int:
    """Print the versions and the places of all ranks, on rank 0; collective over all processes of the job."""
    try:
        world = join_world()
    except RoseError as error:
        if is_first_rank():
            tell(error)
        return ExitCode.USAGE
    found = places(world)
    if found:
        click.echo("\n".join(_lines(found)))
    return ExitCode.DONE


def _lines(found: list[Place]) -> Iterator[str]:
    yield f"rose-mpi {__version__}, Python {sys.version.split()[0]}, NumPy {np.__version__}"
    yield mpi_library()
    hosts = dict.fromkeys(place.host for place in found)
    yield f"{counted(len(found), 'rank')} on {counted(len(hosts), 'host')}"
    for place in found:
        gpus = f"GPUs {', '.join(place.gpus)}" if place.gpus else "no GPU"
        yield f"  rank {place.rank}  {place.host}  cores {_ranges(place.cpus)}  {gpus}"


def _ranges(numbers: Iterable[int]) -> str:
    """``0-3,8`` for 0, 1, 2, 3 and 8."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
