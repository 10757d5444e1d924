"""Where a task works and leaves its result."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rose_mpi.execution.context import RunContext
from rose_mpi.tasks import Function, TaskCall

RESULT_SUFFIXES = (".json", ".npy", ".npz")


def workdir(call: TaskCall, context: RunContext) -> Path:
    """Working folder of a task: its own, else its learner's; a relative one is below ``context.root``."""
    if isinstance(call.work, Function) or call.work.cwd is None:
        return context.layout.workdir(call.id.learner)
    return Path(context.root, call.work.cwd)


def prepare_result(call: TaskCall, attempt: int, context: RunContext) -> None:
    """Make the folder for a task's result, and remove what an interrupted attempt may have left there."""
    result = context.layout.result(call.id, attempt)
    _make(result.parent)
    for suffix in RESULT_SUFFIXES:
        Path(f"{result}{suffix}").unlink(missing_ok=True)


@lru_cache
def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
