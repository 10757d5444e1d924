"""Where a task works and leaves its result."""

from __future__ import annotations

import os
from contextlib import suppress
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
    """Make the folder for a task's result, and remove what the attempt may have left there before."""
    result = context.layout.task(call.id, attempt).result
    _make(os.path.dirname(result))  # noqa: PTH120
    if not context.leftovers:
        return
    for suffix in ("", *RESULT_SUFFIXES):
        with suppress(FileNotFoundError):
            os.unlink(result + suffix)  # noqa: PTH108


@lru_cache
def _make(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
