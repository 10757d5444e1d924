"""Ways to put the chosen candidates together: the best ones, or ones that are not alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from rose_mpi.errors import UsageError
from rose_mpi.metrics import AVERAGE_KL, MUTUAL_INFORMATION
from rose_mpi.nearest import suggested
from rose_mpi.uq.parameters import BEST, settled
from rose_mpi.uq.registry import Metric

TOP: Final = "top"
POWER: Final = "power"
DIVERSE: Final = "diverse"
K_CENTER: Final = "k_center"
BATCH_BALD: Final = "batch_bald"


@dataclass(frozen=True, slots=True)
class Batch:
    """A way to put the chosen candidates together.

    Attributes
    ----------
    parameters:
        Numbers that it takes, by name.
    needs_features:
        Whether it goes by distances between candidates.
    metrics:
        The metrics that it goes with; empty: all.
    """

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    needs_features: bool = False
    metrics: tuple[str, ...] = ()


BATCHES: Final[Mapping[str, Batch]] = MappingProxyType(
    {
        batch.name: batch
        for batch in (
            Batch(TOP),
            Batch(POWER, {"beta": 1.0}),
            Batch(DIVERSE, {"weight": 0.5}, needs_features=True),
            Batch(K_CENTER, needs_features=True),
            Batch(BATCH_BALD, {"samples": 1000.0}, metrics=(MUTUAL_INFORMATION, AVERAGE_KL)),
        )
    }
)
"""All of them by name."""


def find_batch(name: str) -> Batch:
    """The way called ``name``.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest one.
    """
    if name in BATCHES:
        return BATCHES[name]
    raise UsageError(f"no batch is called {name!r}{suggested(name, BATCHES)}")


def check_pair(metric: Metric, batch: Batch) -> None:
    """Check that metric and batch go together.

    Raises
    ------
    UsageError
        If they do not.
    """
    if batch.metrics and metric.name not in batch.metrics:
        raise UsageError(f"batch {batch.name!r} goes with metric {batch.metrics[0]!r}, not {metric.name!r}")
    if batch.name == POWER and metric.minimise:
        raise UsageError(
            f"batch {POWER!r} takes larger scores as better, but the best {metric.name} is small"
        )


def check_choice(metric: Metric, batch: str, parameters: Mapping[str, float | str]) -> None:
    """Check parameters of which ``best`` may be unknown yet, or the name of a number that tasks return.

    Raises
    ------
    UsageError
        As :func:`settled_choice` does.
    """
    numbers = {name: value for name, value in parameters.items() if not isinstance(value, str)}
    unknown = {BEST: 0.0} if BEST in metric.parameters or BEST in parameters else {}
    others = [name for name in parameters if name not in numbers and name != BEST]
    if others:
        raise UsageError(f"{others[0]} is {parameters[others[0]]!r}; it must be a finite number")
    settled_choice(metric, batch, unknown | numbers)


def settled_choice(metric: Metric, batch_name: str, parameters: Mapping[str, float]) -> tuple[Metric, Batch]:
    """Metric and batch, each with its own of the parameters and its defaults for the others.

    Raises
    ------
    UsageError
        If the two do not go together, or a parameter is unknown, missing or does not fit.
    """
    batch = find_batch(batch_name)
    check_pair(metric, batch)
    known = [*metric.parameters, *batch.parameters]
    for name in parameters:
        if name not in known:
            both = f"metric {metric.name!r} with batch {batch.name!r}"
            raise UsageError(f"{both} has no parameter {name!r}{suggested(name, known)}")
    own = {name: parameters[name] for name in metric.parameters if name in parameters}
    others = {name: parameters[name] for name in batch.parameters if name in parameters}
    return (
        replace(metric, parameters=settled(f"metric {metric.name!r}", metric.parameters, own)),
        replace(batch, parameters=settled(f"batch {batch.name!r}", batch.parameters, others)),
    )
