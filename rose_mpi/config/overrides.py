"""Settings of the command line that win over the file: ``--set run.seed=3``."""

from __future__ import annotations

import tomllib
from datetime import date, time
from typing import Any

from rose_mpi.config.places import KeyPath, shown
from rose_mpi.errors import UsageError


def apply_override(document: dict[str, Any], override: str) -> KeyPath:
    """Set one ``key=value`` in ``document``; returns the path of the key.

    The key is dotted as in TOML; a learner is meant by its name or number (``learners.entropy.repeat``).
    The value is TOML, or text without quotes.

    Raises
    ------
    UsageError
        If ``override`` has another form or names no place in the document.
    """
    key, equals, value = override.partition("=")
    if not equals:
        raise UsageError(f"--set {override}: write key=value")
    return put(document, _parsed_key(key, override), _parsed_value(value))


def put(document: dict[str, Any], keys: list[str], value: Any) -> KeyPath:
    """Set the value at ``keys``, making tables on the way; returns its path.

    Raises
    ------
    UsageError
        If something on the way is no table, or there is no such learner.
    """
    path: KeyPath = ()
    table: Any = document
    for depth, key in enumerate(keys):
        step = _learner(table, key) if isinstance(table, list) else key
        path = (*path, step)
        last = depth == len(keys) - 1
        if isinstance(step, str) and not isinstance(table, dict):
            raise UsageError(f"--set {'.'.join(keys)}: {shown(path[:-1])} is no table")
        if last:
            table[step] = value
        else:
            table = table.setdefault(step, {}) if isinstance(table, dict) else table[step]
    return path


def _learner(learners: list[Any], key: str) -> int:
    names = [learner.get("name") if isinstance(learner, dict) else None for learner in learners]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(learners):
        return int(key)
    known = ", ".join(str(name) for name in names if name)
    raise UsageError(f"--set: there is no learner {key!r}; there are {known or 'none'}")


def _parsed_key(key: str, override: str) -> list[str]:
    try:
        table = tomllib.loads(f"{key} = 0")
    except ValueError:
        raise UsageError(f"--set {override}: {key!r} is no key") from None
    keys: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        name, table = next(iter(table.items()))
        keys.append(name)
    if isinstance(table, dict):
        raise UsageError(f"--set {override}: {key!r} is no single key")
    return keys


def _parsed_value(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = document["value"]
    return value if len(document) == 1 and not isinstance(value, date | time) else text
