"""A learner's own table laid over the default one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rose_mpi.config.models import Table
from rose_mpi.config.places import KeyPath


@dataclass(frozen=True, slots=True)
class Layer:
    """One table and where it stands; ``table`` is ``None`` where the file has none."""

    table: Table | None
    path: KeyPath

    def states(self, key: str) -> bool:
        """Whether the table holds ``key``."""
        return self.table is not None and key in self.table.model_fields_set

    def get(self, key: str) -> Any:
        """The value of ``key``; ``None`` where it is not stated."""
        return getattr(self.table, key) if self.states(key) else None


@dataclass(frozen=True, slots=True)
class Layers:
    """What a learner states itself, and the defaults for the rest."""

    own: Layer
    default: Layer

    def states(self, key: str) -> bool:
        """Whether either table holds ``key``."""
        return self.own.states(key) or self.default.states(key)

    def states_any(self, keys: tuple[str, ...]) -> bool:
        """Whether one of ``keys`` is stated."""
        return any(map(self.states, keys))

    def get(self, key: str, otherwise: Any = None) -> Any:
        """The learner's own value of ``key``, else the default one, else ``otherwise``."""
        layer = self.own if self.own.states(key) else self.default
        return layer.get(key) if layer.states(key) else otherwise

    def path(self, key: str) -> KeyPath:
        """Where ``key`` is stated, or where it should be."""
        own = self.own.states(key) or (self.default.table is None and self.own.table is not None)
        return (*(self.own if own else self.default).path, key)
