"""How kernels are compiled, and where what was compiled is kept."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SOURCES = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
_VERSION = hashlib.sha256(b"".join(_SOURCES)).hexdigest()[:12]


def jit(function: _Function) -> _Function:
    """Compile ``function`` when it is first called; keep the result for later processes.

    A division by zero gives an infinity or NaN: a check for it would keep loops from being vectorised.
    numba keeps it in ``NUMBA_CACHE_DIR``, beside the source, or in the user's cache folder, the first that
    can be written; where none can, it goes to :func:`private_folder`. It keeps it under the function's name,
    which tells of all kernels' sources here: numba itself looks at the function's own file alone, and what is
    compiled holds parts of others.
    """
    function.__qualname__ += f"_{_VERSION}"
    compiler = numba.njit(cache=True, nogil=True, error_model="numpy")
    try:
        return cast(_Function, compiler(function))
    except RuntimeError:
        numba.config.CACHE_DIR = str(private_folder())  # type: ignore[attr-defined, unused-ignore]
        return cast(_Function, compiler(function))


def private_folder() -> Path:
    """A folder on this node's own disk that only this user can read and write.

    It is the same for all of the user's processes, unless somebody else took its name: then it is a new one.
    """
    folder = Path(tempfile.gettempdir()) / f"rose-mpi-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix="rose-mpi-"))
