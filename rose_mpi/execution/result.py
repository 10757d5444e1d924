"""What an ended process came to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rose_mpi.errors import ResultError
from rose_mpi.execution.arrays import check_npy, check_npz, check_prediction_type
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.folders import RESULT_SUFFIXES, workdir
from rose_mpi.execution.spawned import Exited
from rose_mpi.execution.values import LARGEST_JSON, json_value
from rose_mpi.tasks import Expects, FileArray, TaskCall, TaskResult, TaskStatus


def result_of(call: TaskCall, attempt: int, exited: Exited, queued: float, context: RunContext) -> TaskResult:
    """The result of one attempt of an executable.

    Its value is what the task left at ``ROSE_RESULT``, else the last line of its standard output
    that is not blank: a JSON value if it is one, else text. A prediction must be an array file, or that
    line the path of one. Whatever is not usable makes a failed result, never an exception.
    """
    return ended(call, attempt, exited, queued, context, lambda: _value(call, attempt, exited, context))


def ended(
    call: TaskCall,
    attempt: int,
    exited: Exited,
    queued: float,
    context: RunContext,
    value_of: Callable[[], Any],
) -> TaskResult:
    """The result of a process, with what ``value_of`` says where it ended well."""
    status, value, error = _status(exited), None, ""
    if status is TaskStatus.DONE:
        try:
            value = value_of()
        except ResultError as reason:
            status, error = TaskStatus.FAILED, str(reason)
    else:
        error = _failure(call, exited)
    if error:
        error = "\n".join([error, *_evidence(call, attempt, exited, context)])
    return TaskResult(
        id=call.id,
        attempt=attempt,
        status=status,
        rank=context.rank,
        host=context.host,
        queued=queued,
        started=exited.started,
        finished=exited.finished,
        value=value,
        exit_code=exited.exit_code,
        signal=exited.signal,
        error=error,
        cpu_seconds=exited.cpu_seconds,
        max_rss=exited.max_rss,
    )


def _status(exited: Exited) -> TaskStatus:
    if exited.killed:
        return TaskStatus.CANCELLED
    if exited.timed_out:
        return TaskStatus.TIMEOUT
    return TaskStatus.DONE if exited.exit_code == 0 and not exited.error else TaskStatus.FAILED


def _failure(call: TaskCall, exited: Exited) -> str:
    if exited.error:
        return exited.error
    if exited.killed:
        return "cancelled"
    if exited.timed_out:
        limit = call.work.timeout
        return f"ended after its timeout of {limit:g} s" if limit else "ended after its timeout"
    how = f"killed by {exited.signal}" if exited.signal else f"exit code {exited.exit_code}"
    words = _last_words(exited)
    return f"{how}{_want_of_memory(exited)}{': ' if words else ''}{words}"


def _last_words(exited: Exited) -> str:
    """The last line of standard error with a word, which says why a program left with an exit code."""
    lines = exited.stderr_tail.splitlines() if exited.exit_code else []
    return next((line.strip()[:200] for line in reversed(lines) if any(map(str.isalnum, line))), "")


def _want_of_memory(exited: Exited) -> str:
    if not exited.out_of_memory:
        return ""
    return (
        f": out of memory; the kernel killed processes of the control group {exited.out_of_memory} "
        f"while it ran (ask for more memory, or run fewer tasks at a time)"
    )


def _evidence(call: TaskCall, attempt: int, exited: Exited, context: RunContext) -> list[str]:
    """Last lines of output, and where all of it is."""
    if exited.stderr_tail:
        log = context.layout.task(call.id, attempt).stderr
        said = exited.stderr_tail.strip() == _last_words(exited)
        lines = () if said else exited.stderr_tail.splitlines()
        return [*(f"  {line}" for line in lines), f"log: {log}"]
    if exited.last_line or exited.line_too_long:
        line = [f"  {exited.last_line[:500]}"] if exited.last_line else []
        return [*line, f"log: {context.layout.task(call.id, attempt).stdout}"]
    return []


def _value(call: TaskCall, attempt: int, exited: Exited, context: RunContext) -> Any:
    file = _result_file(call, attempt, context)
    if call.expects is Expects.PREDICTION:
        return _prediction(file or _named_file(call, exited, context))
    if file is not None:
        return _file_value(file)
    return _line_value(exited)


def _result_file(call: TaskCall, attempt: int, context: RunContext) -> Path | None:
    result = context.layout.task(call.id, attempt).result
    found = [file for suffix in RESULT_SUFFIXES if os.access(file := result + suffix, os.F_OK)]
    if len(found) > 1:
        names = " and ".join(Path(file).name for file in found)
        raise ResultError(f"the task left several results at ROSE_RESULT: {names}; one is allowed")
    if not found and os.access(result, os.F_OK):
        raise ResultError(
            f"the task left its result in {result}; the name must end in .json, .npy or .npz, "
            f"as in $ROSE_RESULT.json"
        )
    if found and not os.path.isfile(found[0]):  # noqa: PTH113
        raise ResultError(f"the task left {found[0]}, which is no file")
    return Path(found[0]) if found else None


def _file_value(file: Path) -> Any:
    if file.suffix == ".npy":
        check_npy(file)
        return FileArray(str(file))
    if file.suffix == ".npz":
        check_npz(file)
        return FileArray(str(file))
    try:
        size = file.stat().st_size
        if size > LARGEST_JSON:
            raise ResultError(
                f"{file} has {size:,} bytes; JSON results may have {LARGEST_JSON:,}, "
                f"larger ones belong into .npy or .npz"
            )
        return json_value(file.read_bytes())
    except ResultError:
        raise
    except (OSError, ValueError) as error:
        raise ResultError(f"{file} is no usable JSON: {error}") from error


def _line_value(exited: Exited) -> Any:
    if exited.line_too_long:
        raise ResultError(
            "the last line of its standard output is longer than 1 MiB; "
            "leave such a result in a file at ROSE_RESULT"
        )
    line = exited.last_line
    if line in ("NaN", "Infinity", "-Infinity"):
        return line
    try:
        return json_value(line) if line else None
    except ResultError as error:
        raise ResultError(f"the last line of its standard output: {error}") from error
    except ValueError:
        return line


def _named_file(call: TaskCall, exited: Exited, context: RunContext) -> Path:
    line = exited.last_line
    path = Path(workdir(call, context), line)
    if not line.endswith(".npy") or "\0" in line:
        said = f"its last line of output was {line[:200]!r}" if line else "it wrote no line of output"
        raise ResultError(
            f"a prediction must save an array: numpy.save(os.environ['ROSE_RESULT'], array), or print "
            f"the path of a .npy file last; {said}"
        )
    place = Path(os.path.normpath(path))
    if not _is_of_the_run(place, call, context):
        raise ResultError(
            f"the last line of output names {place}, which is outside of the run's folders; save it below "
            f"{context.layout.results.parent}, or at ROSE_RESULT"
        )
    if not place.is_file():
        raise ResultError(f"the last line of output names {place}, which does not exist")
    return place


def _is_of_the_run(file: Path, call: TaskCall, context: RunContext) -> bool:
    """Whether a file is below the run's folders, as they are called or where links lead."""
    folders = (Path(context.root), context.layout.results.parent, workdir(call, context))
    return any(
        file.is_relative_to(folder) or file.resolve().is_relative_to(folder.resolve()) for folder in folders
    )


def _prediction(file: Path) -> FileArray:
    if file.suffix != ".npy":
        raise ResultError(f"a prediction must be one array in a .npy file, not {file.name}")
    check_prediction_type(check_npy(file), str(file))
    return FileArray(str(file))
