"""From a task call to the process that serves it, and what is kept ready for such processes."""

from __future__ import annotations

from collections.abc import Sequence

from rose_mpi.errors import TaskError
from rose_mpi.execution.command import argv
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.environment import task_environment, usual_environment
from rose_mpi.execution.folders import prepare_result, workdir
from rose_mpi.execution.isolated.call import CHILD
from rose_mpi.execution.launcher import SESSIONS, Place, launched, sessions_of
from rose_mpi.execution.share import Share
from rose_mpi.execution.spawned import Spawn, WarmStart
from rose_mpi.tasks import Task, TaskCall


def warm_start_of(context: RunContext) -> WarmStart | None:
    """The Python that is kept ready for scripts, if the run wants one; rank 0 speaks for all."""
    if context.preload is None:
        return None
    return WarmStart((*context.preload, CHILD), usual_environment(context), speaks_for_all=context.rank == 0)


def spawn_of(
    call: TaskCall,
    attempt: int,
    context: RunContext,
    places: Sequence[Place] = (),
    gpus: Sequence[str] = (),
    *,
    waits: bool = False,
) -> Spawn:
    """The process for one attempt of an executable; the folder of its result exists afterwards.

    Parameters
    ----------
    places:
        Where its MPI processes run, this rank first; none for a command that needs one rank only.
    gpus:
        Those of the rank that it alone may use.
    waits:
        Whether it begins when others of the rank have ended.

    Raises
    ------
    TaskError
        If the command is not usable, its program is not found, the rank has too few cores or GPUs, or the
        folder of its result cannot be made.
    """
    assert isinstance(call.work, Task)
    for cpus in [place.cpus for place in places] or [context.cpus]:
        if shortage := Share(cpus, context.gpus).shortage(call.work):
            raise TaskError(f"{call.id} {shortage}")
    words, variables = argv(call, context), task_environment(call, attempt, context)
    if gpus:
        variables[context.gpus.variable] = ",".join(gpus)
    if places:
        words = launched(words, places, call.work.cores_per_rank or 1, variables, context.launcher)
        variables.setdefault(SESSIONS, str(sessions_of(context.run, context.rank)))
    paths = context.layout.task(call.id, attempt)
    spawn = Spawn(
        token=f"{call.id}#{attempt}",
        argv=words,
        environment=variables,
        cwd=str(workdir(call, context)) if call.work.cwd is not None else paths.workdir,
        stdout=paths.stdout,
        stderr=paths.stderr,
        timeout=call.work.timeout,
        waits=waits,
    )
    try:
        prepare_result(call, attempt, context)
    except OSError as error:
        raise TaskError(f"{call.id}: cannot make the folder of its result: {error}") from error
    return spawn
