"""What a program says of its tasks, checked field by field."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from rose_mpi.errors import UsageError
from rose_mpi.tasks import GPUS_AND_RANKS, Task

Rule = tuple[Callable[[Any], bool], str]


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


_RULES: Final[Mapping[str, Rule]] = {
    "executable": (lambda value: isinstance(value, str) and bool(value.strip()), "a command line"),
    "arguments": (lambda value: isinstance(value, Iterable) and not isinstance(value, str), "a list"),
    "ranks": (lambda value: _whole(value, 1), "a whole number from 1 on"),
    "cores_per_rank": (lambda value: value is None or _whole(value, 1), "a whole number from 1 on"),
    "gpus_per_rank": (lambda value: _whole(value, 0), "a whole number from 0 on"),
    "environment": (lambda value: isinstance(value, Mapping), "a dictionary"),
    "timeout": (lambda value: value is None or _seconds(value), "a number of seconds above 0"),
    "retries": (lambda value: _whole(value, 0), "a whole number from 0 on"),
    "shell": (lambda value: isinstance(value, bool), "True or False"),
    "cwd": (lambda value: value is None or isinstance(value, str | os.PathLike), "a path"),
    "isolated": (lambda value: isinstance(value, bool), "True or False"),
}


def check(description: Mapping[str, Any], whose: str) -> None:
    """Refuse what a field of a task, or ``isolated``, cannot be.

    Raises
    ------
    UsageError
        With ``whose`` behind the field's name, such as ``"of a training task"``.
    """
    for key, value in description.items():
        fits, words = _RULES[key]
        if not fits(value):
            raise UsageError(f"{key} {whose} must be {words}, not {value!r}")


def check_isolation(description: Mapping[str, Any], whose: str) -> None:
    """Refuse what a function cannot have that runs in a rank, and one that does not.

    Raises
    ------
    UsageError
        As :func:`check` does.
    """
    isolated, ranks = description.get("isolated", False), description.get("ranks", 1)
    if isolated and ranks > 1:
        raise UsageError(f"isolated {whose} is for functions on one rank, and this one has ranks = {ranks}")
    if description.get("timeout") is not None and not isolated:
        raise UsageError(f"timeout {whose} is for functions with isolated=True: a rank cannot be ended")


def checked(task: Task, name: str) -> Task:
    """The task of the function ``name``, its lists as tuples.

    Raises
    ------
    UsageError
        If a field has an impossible value.
    """
    check({each.name: getattr(task, each.name) for each in fields(task)}, f"of {name}'s task")
    if task.gpus_per_rank and task.ranks > 1:
        raise UsageError(f"{name}: {GPUS_AND_RANKS}")
    return replace(
        task,
        arguments=tuple(map(str, task.arguments)),
        environment=dict(task.environment),
        cwd=None if task.cwd is None else os.fspath(task.cwd),
    )
