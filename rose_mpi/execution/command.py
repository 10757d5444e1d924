"""From a task to the command line that is executed."""

from __future__ import annotations

import numbers
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rose_mpi.errors import TaskError
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.starting import LONGEST_WORD
from rose_mpi.tasks import Task, TaskCall

_SHELL = "/bin/sh"
_WORTH_KEEPING = 10_000
_WORD = re.compile(r"""(?:[^\s'"\\]++|'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.)++""", re.DOTALL)
_LONGEST_WORD = 2 * LONGEST_WORD + 2
"""Characters of a word with its quotes, each of which may be escaped."""
_PLACEHOLDER = re.compile(r"\{(?:python|config_dir|learner|iteration|index|model)\}")


def argv(call: TaskCall, context: RunContext) -> tuple[str, ...]:
    """The program, as a path, and its arguments.

    ``{python}``, ``{config_dir}``, ``{learner}``, ``{iteration}``, ``{index}`` and ``{model}`` are
    replaced, each within its word, whatever characters the value has; other braces stay. A word that
    names an existing file below ``context.root`` becomes an absolute path. In a shell command the
    values are quoted for the shell, and arguments are appended, quoted too.

    Raises
    ------
    TaskError
        If the command cannot be split, is empty, or its program is not found.
    """
    task = call.work
    assert isinstance(task, Task)
    values = _placeholders(call, context)
    arguments = [_located(_expanded(word, values), context.root) for word in task.arguments]
    if task.shell:
        quoted = {name: shlex.quote(value) for name, value in values.items()}
        command = _expanded(task.executable, quoted)
        return (_SHELL, "-c", " ".join([command, *map(shlex.quote, arguments)]))
    words = [_located(_expanded(word, values), context.root) for word in _split(task.executable)]
    if not words or not words[0]:
        raise TaskError(f"{call.id}: the command is empty")
    return (_program(words[0], task.environment, context.environment), *words[1:], *arguments)


def with_options(task: Task, kwargs: Mapping[str, Any]) -> Task:
    """The task with the keyword arguments that begin with ``-`` as options of its command.

    ``{"--n": 200}`` becomes ``--n 200``; ``True`` gives the flag alone, ``False`` and ``None`` leave it
    out, a list repeats it. If the command carries any of the names already (``--n`` or ``--n=…``), it
    is complete, and nothing is added.

    Raises
    ------
    TaskError
        If a value is no number, text or path, nor a list of these.
    """
    options = {name: value for name, value in kwargs.items() if name.startswith("-")}
    words = (*(task.executable.split() if task.shell else _split(task.executable)), *task.arguments)
    if any(word == name or word.startswith(f"{name}=") for word in words for name in options):
        return task
    added = (word for name, value in options.items() for word in _option(name, value))
    return replace(task, arguments=(*task.arguments, *added))


def _option(name: str, value: Any) -> Iterator[str]:
    if value is None or value is False:
        return
    if value is True:
        yield name
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _option(name, item)
    else:
        yield name
        yield _text(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return repr(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    raise TaskError(f"option {name}: {value!r} is no number, text or path, nor a list of these")


def _split(command: str) -> tuple[str, ...]:
    if len(command) < _WORTH_KEEPING:
        return _split_again(command)
    # shlex takes a time that grows with the square of a word's length
    if (longest := max(map(len, _WORD.findall(command)), default=0)) > _LONGEST_WORD:
        raise TaskError(
            f"a word of the command has {longest:,} characters, Linux allows {LONGEST_WORD:,}; "
            f"pass the data through a file"
        )
    return _split_again.__wrapped__(command)


@lru_cache
def _split_again(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise TaskError(
            f"cannot split the command {command!r} into words ({error}); check its quotes"
        ) from None


def _placeholders(call: TaskCall, context: RunContext) -> dict[str, str]:
    return {
        "{python}": sys.executable,
        "{config_dir}": context.root,
        "{learner}": call.id.learner,
        "{iteration}": str(call.id.iteration),
        "{index}": str(call.id.index),
        "{model}": call.id.model,
    }


def _expanded(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[0]], text) if "{" in text else text


def _located(word: str, root: str) -> str:
    if not word or word.startswith(("-", "/")) or "\0" in word:
        return word
    path = os.path.join(root, word)  # noqa: PTH118
    return str(Path(path).absolute()) if os.path.isfile(path) else word  # noqa: PTH113


def _program(name: str, *environments: Mapping[str, str]) -> str:
    if "/" in name:
        return name
    paths = (environment["PATH"] for environment in (*environments, os.environ) if "PATH" in environment)
    return _found(name, next(paths, os.defpath))


@lru_cache
def _found(name: str, path: str) -> str:
    found = shutil.which(name, path=path)
    if found is None:
        raise TaskError(
            f"the program {name!r} is not found on PATH ({path}), nor beside the configuration; "
            f"give its path, or check the spelling and the loaded modules"
        )
    return os.path.abspath(found)  # noqa: PTH100  (PATH may name folders relative to this process's)
