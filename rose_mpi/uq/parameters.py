"""Numbers that metrics and ways to choose take beside the predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Final

from rose_mpi.errors import UsageError
from rose_mpi.nearest import suggested

BEST: Final = "best"
MAXIMISE: Final = "maximise"


def settled(what: str, defaults: Mapping[str, float], given: Mapping[str, float]) -> dict[str, float]:
    """All parameters of ``what``, in the order of ``defaults``.

    Raises
    ------
    UsageError
        If one is unknown, no finite number or missing; ``maximise`` must be true or false.
    """
    for name in given:
        if name not in defaults:
            raise UsageError(f"{what} has no parameter {name!r}{suggested(name, defaults)}")
    values = {name: _number(what, name, given.get(name, defaults[name])) for name in defaults}
    for name, value in values.items():
        if math.isnan(value):
            raise UsageError(f"{what} needs the parameter {name!r}")
    return values


def _number(what: str, name: str, value: float) -> float:
    if name == MAXIMISE:
        if value not in (True, False):
            raise UsageError(f"{name} of {what} is {value!r}; it must be true or false")
        return float(value)
    if not isinstance(value, Real) or math.isinf(value) or isinstance(value, bool):
        raise UsageError(f"{name} of {what} is {value!r}; it must be a finite number")
    return float(value)
