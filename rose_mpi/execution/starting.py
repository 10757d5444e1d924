"""Starts programs, and says why one could not be started, in words that say what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping

LONGEST_WORD = 131_071
"""Bytes of one word of a command line."""


def spawn(
    argv: tuple[str, ...], variables: Mapping[str, str], stdout: int, stderr: int, ignored: Collection[int]
) -> int:
    """Start a program in a session of its own; signals that are ignored here get their default action."""
    return os.posix_spawn(
        argv[0],
        argv,
        variables,
        file_actions=((os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)),
        setsid=True,
        setsigmask=(),
        setsigdef=ignored,
    )


def explain(error: OSError | ValueError, argv: tuple[str, ...], cwd: str) -> str:
    """One message for an error of starting ``argv`` in ``cwd``."""
    program = argv[0]
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        if os.path.exists(os.path.join(cwd, program)):  # noqa: PTH110, PTH118
            reason = "the interpreter named in its first line (#!…) does not exist"
        else:
            reason = "there is no such file; give its path, or a name found on PATH"
    elif number == errno.EACCES:
        reason = f"it is not executable (chmod +x {program}), or it is a folder"
    elif number == errno.ENOEXEC:
        reason = (
            'it is neither a program nor a script with a first line such as "#!/bin/sh"; '
            "add that line, or start it through its interpreter"
        )
    elif number == errno.E2BIG:
        reason = f"{_too_long(argv)}; pass the data through a file"
    elif number is None:
        reason = f"{error} in its command line or environment"
    else:
        reason = os.strerror(number)
    return f"cannot start {program}: {reason}"


def _too_long(argv: tuple[str, ...]) -> str:
    for position, word in enumerate(argv):
        size = len(os.fsencode(word))
        if size > LONGEST_WORD:
            return f"word {position} of its command line has {size:,} bytes, Linux allows {LONGEST_WORD:,}"
    total = sum(len(os.fsencode(word)) + 1 for word in argv)
    return f"its command line ({total:,} bytes) and environment are longer than Linux allows"


def enter(cwd: str) -> str:
    """Go to a folder, which is made if need be; returns why that failed, if it did."""
    try:
        try:
            os.chdir(cwd)
        except FileNotFoundError:
            os.makedirs(cwd, exist_ok=True)  # noqa: PTH103
            os.chdir(cwd)
    except (OSError, ValueError) as error:
        return f"cannot use {cwd} as working folder: {getattr(error, 'strerror', error)}"
    return ""
