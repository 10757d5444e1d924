"""What a task's function takes, found out once for each function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

OFFERED: Final = frozenset({"learner", "iteration", "index", "model", "seed", "selection", "workdir", "comm"})
"""Names of the arguments that a function gets if it takes them."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function.

    Attributes
    ----------
    positional:
        Names that positional arguments go to, in their order.
    offered:
        Names of what it gets if it is not given something else.
    """

    signature: inspect.Signature
    positional: tuple[str, ...]
    offered: frozenset[str]

    def free(self, arguments: int) -> frozenset[str]:
        """Those of the offered that so many positional arguments leave."""
        return self.offered.difference(self.positional[:arguments]) if arguments else self.offered


_known: WeakKeyDictionary[Callable[..., Any], Parameters | None] = WeakKeyDictionary()


def parameters_of(function: Callable[..., Any]) -> Parameters | None:
    """The parameters of a function; ``None`` for some that are written in C."""
    try:
        return _known[function]
    except (KeyError, TypeError):
        parameters = _parameters(function)
    with suppress(TypeError):  # it cannot be hashed, or not referred to weakly
        _known[function] = parameters
    return parameters


def _parameters(function: Callable[..., Any]) -> Parameters | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    positional = tuple(name for name, kind in kinds.items() if kind in _POSITIONAL)
    by_name = (name for name, kind in kinds.items() if kind in _BY_NAME)
    return Parameters(signature, positional, OFFERED.intersection(by_name))
