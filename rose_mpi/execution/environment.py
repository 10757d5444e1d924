"""The environment of tasks."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from rose_mpi.execution.context import RunContext
from rose_mpi.tasks import Task, TaskCall

_LAUNCHER = re.compile(
    r"OMPI_|PMIX_|PRTE_|OPAL_|PMI_|PMI2_|HYD|MPI_LOCAL|SLURM_(CPU_BIND|DISTRIBUTION$|NTASKS_PER_NODE$)"
)
_KEPT = re.compile(r"OMPI_ALLOW_RUN_AS_ROOT")
_INHERITED_TASK = frozenset({"ROSE_SELECTED", "ROSE_RESULT", "ROSE_TASK", "ROSE_ATTEMPT"})
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what an MPI launcher put there.

    A child that imports mpi4py with a launcher's variables takes itself for a rank of the running
    job, and fails or hangs; one that calls ``srun`` would bind its processes as the ranks are bound, to cores
    that it is not given. The folder of an MPI installed from PyPI leaves ``LD_LIBRARY_PATH``, and
    variables of a task in which this program itself may run are dropped as well.
    """
    clean = {
        name: value
        for name, value in environ.items()
        if name not in _INHERITED_TASK and (not _LAUNCHER.match(name) or _KEPT.match(name))
    }
    if "LD_LIBRARY_PATH" in clean:
        folders = [f for f in clean["LD_LIBRARY_PATH"].split(":") if not _is_wheel_of_mpi(f)]
        clean["LD_LIBRARY_PATH"] = ":".join(folders)
        if not clean["LD_LIBRARY_PATH"]:
            del clean["LD_LIBRARY_PATH"]
    return clean


def usual_environment(context: RunContext) -> dict[str, str]:
    """What the environment of every task with one core holds beyond the rank's own."""
    return {
        "ROSE_RUN": context.run,
        "ROSE_ROOT": context.root,
        **dict.fromkeys(_THREADS, "1"),
        **{str(name): str(value) for name, value in context.environment.items()},
    }


def task_environment(call: TaskCall, attempt: int, context: RunContext) -> dict[str, str]:
    """What a task's environment holds beyond the rank's own."""
    task = call.work
    cores, own = (task.cores_per_rank, task.environment) if isinstance(task, Task) else (None, {})
    identity = call.id
    variables = {
        "ROSE_RUN": context.run,
        "ROSE_ROOT": context.root,
        "ROSE_LEARNER": identity.learner,
        "ROSE_ITERATION": str(identity.iteration),
        "ROSE_TASK": str(identity),
        "ROSE_INDEX": str(identity.index),
        "ROSE_MODEL": identity.model,
        "ROSE_ATTEMPT": str(attempt),
        "ROSE_SEED": str(call.seed),
        "ROSE_RESULT": context.layout.task(identity, attempt).result,
        **dict.fromkeys(_THREADS, str(cores or 1)),
    }
    if call.selection is not None:
        variables["ROSE_SELECTED"] = call.selection
    for given in (context.environment, own):
        variables.update((str(name), str(value)) for name, value in given.items())
    return variables


def _is_wheel_of_mpi(folder: str) -> bool:
    library = Path(folder)
    own = folder and os.path.realpath(library) == os.path.realpath(Path(sys.prefix, "lib"))
    return bool(own) and any(library.glob("libmpi.so*"))
