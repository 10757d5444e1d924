"""From a task call to the process that serves it, and what is kept ready for such processes."""

from __future__ import annotations

from rose_mpi.errors import TaskError
from rose_mpi.execution.command import argv
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.environment import task_environment, usual_environment
from rose_mpi.execution.folders import prepare_result, workdir
from rose_mpi.execution.helper_client import Spawn, WarmStart
from rose_mpi.tasks import Task, TaskCall


def warm_start_of(context: RunContext) -> WarmStart | None:
    """The Python that is kept ready for scripts, if the run wants one; rank 0 speaks for all."""
    if context.preload is None:
        return None
    return WarmStart(context.preload, usual_environment(context), speaks_for_all=context.rank == 0)


def spawn_of(call: TaskCall, attempt: int, context: RunContext) -> Spawn:
    """The process for one attempt of an executable; the folder of its result exists afterwards.

    Raises
    ------
    TaskError
        If the command is not usable, its program is not found, or the folder of its result cannot
        be made.
    """
    assert isinstance(call.work, Task)
    spawn = Spawn(
        token=f"{call.id}#{attempt}",
        argv=argv(call, context),
        environment=task_environment(call, attempt, context),
        cwd=str(workdir(call, context)),
        stdout=str(context.layout.stdout(call.id, attempt)),
        stderr=str(context.layout.stderr(call.id, attempt)),
        timeout=call.work.timeout,
    )
    try:
        prepare_result(call, attempt, context)
    except OSError as error:
        raise TaskError(f"{call.id}: cannot make the folder of its result: {error}") from error
    return spawn
