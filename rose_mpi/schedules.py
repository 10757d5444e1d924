"""What a task is given in which iteration: the same always, by iteration, or computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

OTHERWISE = -1


class Schedule(Protocol):
    """Gives a task's keyword arguments for an iteration."""

    def at(self, iteration: int) -> Mapping[str, Any]:
        """Keyword arguments for ``iteration`` (from 0)."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same arguments in every iteration."""

    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def at(self, iteration: int) -> Mapping[str, Any]:
        """The arguments, whatever the iteration."""
        return self.kwargs


@dataclass(frozen=True, slots=True)
class ByIteration:
    """Arguments for certain iterations; the key ``-1`` serves all others."""

    kwargs: Mapping[int, Mapping[str, Any]]

    def at(self, iteration: int) -> Mapping[str, Any]:
        """The arguments named for ``iteration``, else those under ``-1``, else none."""
        return self.kwargs.get(iteration, self.kwargs.get(OTHERWISE, {}))


@dataclass(frozen=True, slots=True)
class Computed:
    """Arguments computed from the iteration's number when they are needed."""

    function: Callable[[int], Mapping[str, Any]]

    def at(self, iteration: int) -> Mapping[str, Any]:
        """What the function returns for ``iteration``."""
        return self.function(iteration)


def merged(schedules: tuple[Schedule, ...], iteration: int) -> dict[str, Any]:
    """The arguments of several schedules for one iteration; later ones win."""
    kwargs: dict[str, Any] = {}
    for schedule in schedules:
        kwargs.update(schedule.at(iteration))
    return kwargs
