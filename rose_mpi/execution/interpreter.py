"""Which command lines and environments a preloaded Python may serve in place of a new one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from functools import lru_cache

_READ_IN_C = re.compile(
    r"PYTHON|LD_|LC_|LANG|HOME$|TZ$|GLIBC_|MALLOC_|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|GOTO_|BLIS_|VECLIB_|NUMBA_"
    r"|NUMEXPR_|NPY_|\w+_NUM_THREADS$"
)
"""Variables that interpreters and libraries look at when they are loaded, not through ``os.environ``."""


def script_position(argv: tuple[str, ...]) -> int | None:
    """Where the script stands in ``python [-u] /path/of/script …`` with this very Python.

    ``None`` for all other commands: other interpreters and options, modules, relative paths.
    """
    if not _is_own_python(argv[0]):
        return None
    position = 2 if argv[1:2] == ("-u",) else 1
    return position if len(argv) > position and argv[position].startswith("/") else None


def fits(variables: Mapping[str, str], loaded: Mapping[str, str], read: Collection[str]) -> bool:
    """Whether modules loaded under one environment are what they would be under another.

    Parameters
    ----------
    loaded:
        The environment that they were loaded under.
    read:
        Variables that they looked at.
    """
    different = {name for name, _ in variables.items() ^ loaded.items()}
    return not any(name in read or _READ_IN_C.match(name) for name in different)


def has_relative_folder(search_path: str) -> bool:
    """Whether a value of ``PYTHONPATH`` means another folder in each working folder."""
    return bool(search_path) and not all(folder.startswith("/") for folder in search_path.split(":"))


@lru_cache
def _is_own_python(program: str) -> bool:
    """Whether it is the file that runs here, in the same folder: another folder has other packages."""
    same_folder = os.path.dirname(program) == os.path.dirname(sys.executable)  # noqa: PTH120
    return same_folder and os.path.realpath(program) == os.path.realpath(sys.executable)
