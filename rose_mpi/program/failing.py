"""An exception that a script does not catch: told once, and all ranks end."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final

import rose_mpi
from rose_mpi.errors import LauncherError, RoseError, ScoreError, TaskError, UsageError
from rose_mpi.exit_codes import ExitCode
from rose_mpi.mpi.failure import FORWARDING_SECONDS, end_job
from rose_mpi.mpi.first_rank import is_first_rank, is_launched
from rose_mpi.program.job import current_job
from rose_mpi.telling import tell

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]

_OTHERS_WAIT_SECONDS: Final = 0.5
_PACKAGE: Final = str(Path(rose_mpi.__file__).parent)


def end_ranks_on_exceptions() -> None:
    """Let an uncaught exception end the job, and not one rank alone; the others would wait for ever."""
    if not (isinstance(sys.excepthook, partial) and sys.excepthook.func is _on_exception):
        sys.excepthook = partial(_on_exception, sys.excepthook)


def _on_exception(
    previous: _Hook, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    job = current_job()
    if job is None and not is_first_rank():
        _wait_for_the_first_rank(error)
    if isinstance(error, RoseError):
        tell(f"{_place(trace)}{_text(error)}")
    else:
        previous(kind, error, trace)
    code = _code(error)
    if job:
        job.script_failed = code
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if is_launched():
        time.sleep(FORWARDING_SECONDS)
        end_job(code)
    if isinstance(error, RoseError):
        os._exit(code)


def _wait_for_the_first_rank(error: BaseException) -> None:
    """Mostly all ranks fail alike: the first one tells it, and ends this one meanwhile."""
    if isinstance(error, LauncherError):  # each process is alone, and the first one cannot end the others
        os._exit(ExitCode.DONE)
    time.sleep(_OTHERS_WAIT_SECONDS)


def _text(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def _place(trace: TracebackType | None) -> str:
    """The user's line that led to the error: ``run.py, line 12: ``."""
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if not frame.filename.startswith((_PACKAGE, sys.base_prefix, "<"))]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}: " if own else ""


def _code(error: BaseException) -> ExitCode:
    if isinstance(error, UsageError | LauncherError):
        return ExitCode.USAGE
    return ExitCode.LEARNER_FAILED if isinstance(error, TaskError | ScoreError) else ExitCode.INTERNAL_ERROR
