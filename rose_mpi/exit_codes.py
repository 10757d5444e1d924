"""What the command says to the shell."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the `rose-mpi` command; beyond these 128 + n after signal n."""

    DONE = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    LEARNER_FAILED = 3
    STOPPED = 75
