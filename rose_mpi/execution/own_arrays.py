"""Arrays that nobody but their receiver can still write to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def own_array(make: Callable[[], Any]) -> Any:
    """What ``make`` returns, copied if it is an array in memory that somebody else still refers to.

    A function may return the same buffer each time, a view of one, or a map of a file that it writes again.
    """
    made, references = _counted(make)
    if not isinstance(made, np.ndarray):
        return made
    owner = made if made.base is None else made.base
    alone = references == _ALONE and (owner is made or _references_of_base(made) == _BASE_ALONE + 1)
    if alone and isinstance(owner, np.ndarray) and owner.flags.owndata:
        return made
    return made.copy(order="K")


def _counted(make: Callable[[], Any]) -> tuple[Any, int]:
    """What ``make`` returns, and how many references to it there are, those of this function included."""
    made = make()
    return made, sys.getrefcount(made)


def _references_of_base(view: np.ndarray[Any, Any]) -> int:
    return sys.getrefcount(view.base)


_ALONE = _counted(lambda: np.empty(1))[1]
_BASE_ALONE = _references_of_base(np.empty(1)[:])
