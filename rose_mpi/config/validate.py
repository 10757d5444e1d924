"""From parsed TOML to the tables of the configuration; every refused key becomes a plain sentence."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rose_mpi.config.faults import FaultList
from rose_mpi.config.models import ConfigTable, Table
from rose_mpi.config.places import KeyPath
from rose_mpi.config.values import described
from rose_mpi.nearest import did_you_mean, nearest, suggested

_MUST_BE: Final[dict[str, str]] = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
}


def validated(document: dict[str, Any], faults: FaultList) -> ConfigTable:
    """The tables of ``document``; what they refuse is taken out of it and told to ``faults``."""
    while True:
        try:
            return ConfigTable.model_validate(document)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                _refuse(document, detail, faults)


def _refuse(document: dict[str, Any], detail: ErrorDetails, faults: FaultList) -> None:
    path = tuple(key for key in detail["loc"] if key != "[key]")
    removed = _remove(document, path)
    if detail["type"] == "extra_forbidden":
        *parents, name = path
        known = _keys_at(tuple(parents))
        meant = nearest(name, known)
        hint = suggested(name, known)
        instead_of = (*parents, meant) if meant else None
        faults.refuse(path, f"unknown key {name!r}{hint}", removed=removed, instead_of=instead_of)
    else:
        faults.refuse(path, _sentence(detail), removed=removed)


def _sentence(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _MUST_BE:
        return f"must be {_MUST_BE[kind].format(**context)}, not {described(value)}"
    if kind == "literal_error":
        return _choice(value, str(context["expected"]))
    if kind == "too_short":
        return "must not be empty"
    if kind == "value_error":
        return str(context["error"])
    message = detail["msg"]
    return message[:1].lower() + message[1:]


def _choice(value: Any, expected: str) -> str:
    hint = did_you_mean(value, re.findall(r"'([^']*)'", expected)) if isinstance(value, str) else ""
    return f"must be {expected}, not {described(value)}{hint}"


def _keys_at(path: KeyPath) -> list[str]:
    """The keys that the table at ``path`` may have."""
    table: type[Table] = ConfigTable
    for key in path:
        if isinstance(key, str):
            table = _table_in(table.model_fields[key].annotation) or table
    return list(table.model_fields)


def _table_in(annotation: Any) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)


def _remove(document: dict[str, Any], path: KeyPath) -> KeyPath:
    """Take out what stands at ``path``; returns the path of what was taken out.

    A learner leaves an empty table, so that the others keep their number; an element of another list takes
    the whole list with it.
    """
    if path[0] == "learners" and len(path) == 2:
        document["learners"][path[1]] = {}
        return path
    inner_list = next((depth for depth, key in enumerate(path) if depth > 1 and isinstance(key, int)), None)
    *parents, name = path[:inner_list]
    table: Any = document
    for key in parents:
        table = table[key]
    table.pop(name, None)
    return path[:inner_list]
