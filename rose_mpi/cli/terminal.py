"""Whether a person watches what is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO


def is_watched(stream: TextIO) -> bool:
    """Whether ``stream`` ends at a terminal.

    Open MPI gives its processes a pseudo-terminal even where its own output goes to a file. There, the
    launcher's output decides: that of the nearest process above this one that has another.
    """
    if not stream.isatty():
        return False
    return "OMPI_COMM_WORLD_RANK" not in os.environ or _launcher_is_watched(os.ttyname(stream.fileno()))


def _launcher_is_watched(own_terminal: str) -> bool:
    process = os.getppid()
    while process > 0:
        try:
            output = str(Path(f"/proc/{process}/fd/1").readlink())
        except OSError:
            return False
        if output != own_terminal:
            return output.startswith(("/dev/pts/", "/dev/tty"))
        process = _parent(process)
    return False


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
