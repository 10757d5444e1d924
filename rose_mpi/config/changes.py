"""What differs between the configuration that began a run and the one that is to go on with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rose_mpi.config.faults import FaultList
from rose_mpi.config.load import COMMAND_LINE
from rose_mpi.config.overrides import apply_override, put
from rose_mpi.config.validate import validated

_HARMLESS_IN_RUN: Final = frozenset({"max_iterations", "walltime", "walltime_margin", "output"})
_MAX_ITER: Final = "--max-iter"


@dataclass(frozen=True, slots=True)
class Change:
    """A key whose value is another now; ``None`` stands for none.

    Attributes
    ----------
    harmless:
        Whether what was done before would have been the same with the new value.
    """

    key: str
    before: Any
    now: Any
    harmless: bool

    def __str__(self) -> str:
        return f"{self.key} was {_shown(self.before)}, now {_shown(self.now)}"

    @property
    def is_of_iterations(self) -> bool:
        """Whether it changes how many iterations there are at most."""
        return self.key.endswith(("max_iterations", _MAX_ITER))


def changes(before: str, now: str) -> list[Change]:
    """The keys that differ, in their order; defaults that are written out make no difference.

    Parameters
    ----------
    before, now:
        Texts as :attr:`rose_mpi.plan.RunPlan.text` holds them.
    """
    old, new = _values(before), _values(now)
    return [
        Change(".".join(path), old.get(path), new.get(path), _is_harmless(path))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def _is_harmless(path: tuple[str, ...]) -> bool:
    match path:
        case ("engine", *_) | ("--max-iter",) | ("learners", _, "max_iterations"):
            return True
        case ("run", key):
            return key in _HARMLESS_IN_RUN
    return False


def _values(text: str) -> dict[tuple[str, ...], Any]:
    """The value of each key, those of the command line and the defaults included."""
    file, _, options = text.partition(COMMAND_LINE)
    document = tomllib.loads(file)
    most = None
    for line in options.splitlines():
        option, _, value = line.removeprefix("#").strip().partition(" ")
        if option == "--set":
            apply_override(document, value)
        elif option == "--output":
            put(document, ["run", "output"], value)
        elif option == _MAX_ITER:
            most = int(value)
    tables = validated(document, FaultList({}, {})).model_dump()
    tables["learners"] = _by_name(tables["learners"])
    found = dict(_leaves((), tables))
    return found | ({(_MAX_ITER,): most} if most else {})


def _by_name(learners: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {learner["name"] or str(number): learner for number, learner in enumerate(learners)}


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves((*path, str(key)), item)
    elif value is not None:
        yield path, value


def _shown(value: Any) -> str:
    return "not set" if value is None else repr(value)
