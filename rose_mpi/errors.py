"""Every error that rose-mpi raises.

::

    RoseError
    ├── UsageError (ValueError)           the command line or a call is wrong
    │   ├── ConfigError                   config.toml is wrong: all its faults at once
    │   └── LockedError                   another run writes these results
    ├── StoppedError (RuntimeError)        the run is asked to stop, and begins nothing more
    ├── LauncherError (RuntimeError)      the MPI launcher and the MPI library do not fit
    ├── TaskError (RuntimeError)          a task failed for good
    │   └── ResultError (ValueError)      a task ended well but left no usable result
    ├── ScoreError (ValueError)           the predictions of an ensemble cannot be scored
    ├── HelperError (RuntimeError)        the process that starts a rank's tasks is gone
    └── StoreError (OSError)              the results cannot be read or written
"""

from __future__ import annotations

from dataclasses import dataclass


class RoseError(Exception):
    """Base of all errors raised by rose-mpi."""


class UsageError(RoseError, ValueError):
    """The command line or a call is wrong; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a configuration.

    Attributes
    ----------
    place:
        Where it is, as a path of keys: ``learners[0].training.kwargs``.
    message:
        What is wrong and what would be right.
    line:
        Line in the file, from 1; ``None`` where it is not known.
    column:
        Column in the line, from 1; ``None`` where it is not known or does not matter.
    """

    place: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        column = f"column {self.column}" if self.column else ""
        where = ", ".join(filter(None, (line, column, self.place)))
        return f"{where}: {self.message}" if where else self.message


class ConfigError(UsageError):
    """A configuration with one or more faults."""

    def __init__(self, file: str, faults: tuple[Fault, ...]) -> None:
        self.file = file
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{file} has {count}:\n{lines}")


class LockedError(UsageError):
    """Another run writes the same results file."""


class StoppedError(RoseError, RuntimeError):
    """The run is asked to stop; what is called now does not begin."""


class LauncherError(RoseError, RuntimeError):
    """The launcher started several processes that do not form one MPI job."""


class TaskError(RoseError, RuntimeError):
    """A task failed, and all its retries with it."""


class ResultError(TaskError, ValueError):
    """A task ended well but what it left cannot be used."""


class ScoreError(RoseError, ValueError):
    """The predictions of an ensemble are missing, do not fit or are not finite."""


class HelperError(RoseError, RuntimeError):
    """The helper process that starts a rank's tasks ended or cannot be started."""


class StoreError(RoseError, OSError):
    """The results file or its log cannot be read or written."""
