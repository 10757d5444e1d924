"""What learners and models may be called: their names are those of folders and of groups in the results."""

from __future__ import annotations

import re
from typing import Any, Final

from rose_mpi.errors import UsageError

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def checked_name(value: Any) -> str:
    """The name.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UsageError(
            f"{value!r} is no name: up to 100 letters, digits, '_', '-' and '.', the first of them no '.'"
        )
    return value


def checked_names(values: Any, what: str) -> list[str]:
    """Different names.

    Raises
    ------
    UsageError
        If it is no list of these, is empty or names one twice.
    """
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise UsageError(f"{what} must be a list of names, not {values!r}")
    names = [checked_name(value) for value in values]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if not names or repeated:
        raise UsageError(
            f"{what} {f'names {repeated!r} more than once' if repeated else 'must not be empty'}"
        )
    return names
