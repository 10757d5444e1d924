"""How the command tells its user what is wrong."""

from __future__ import annotations

import os

from rose_mpi.errors import RoseError


def tell(error: RoseError | str) -> None:
    """Write a message to standard error in one piece, so that lines of several ranks do not mix."""
    os.write(2, f"rose-mpi: {error}\n".encode(errors="replace"))
