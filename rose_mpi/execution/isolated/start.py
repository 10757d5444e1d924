"""The script that a process for one function runs: ``start.py <pid of the rank> <descriptor> <descriptor>``.

Of the rank's files the first holds the search path of modules and the call, the second takes the result. Both
are in memory. The folder of this file leaves the search path with the first line that is read.
"""

import marshal
import sys
from pathlib import Path


def main() -> None:
    """Find the modules that the rank finds, and call the function."""
    pid, call, result = sys.argv[1:]
    files = Path(f"/proc/{pid}/fd")
    with (files / call).open("rb") as file:
        sys.path[:] = marshal.load(file)
        from rose_mpi.execution.isolated.child import run  # noqa: PLC0415

        run(file, files / result)


if __name__ == "__main__":
    main()
