"""Gathers the faults of a configuration, so that all are told together."""

from __future__ import annotations

from collections.abc import Mapping

from rose_mpi.config.places import KeyPath, shown
from rose_mpi.errors import ConfigError, Fault


class FaultList:
    """The faults found so far.

    A key that was refused leaves its table incomplete; what is then missing because of it is no fault
    of its own, so such consequences are left out.

    Parameters
    ----------
    lines:
        Line of each key path of the file.
    given:
        The option of the command line that set a key path, for those that do not come from the file.
    """

    def __init__(self, lines: Mapping[KeyPath, int], given: Mapping[KeyPath, str]) -> None:
        self._lines = lines
        self._given = given
        self._refused: set[KeyPath] = set()
        self._faults: dict[Fault, None] = {}

    def refuse(
        self, path: KeyPath, message: str, *, removed: KeyPath, instead_of: KeyPath | None = None
    ) -> None:
        """Add a fault of what stands at ``path``.

        Parameters
        ----------
        removed:
            The key that was taken out of the document for it.
        instead_of:
            The key that was perhaps meant.
        """
        self._refused.update((path, removed))
        if instead_of and instead_of not in self._lines and not self._option(instead_of):
            self._refused.add(instead_of)
        self._append(path, message)

    def add(self, path: KeyPath, message: str, *causes: KeyPath) -> None:
        """Add a fault, unless a refused key at ``path`` or at one of the ``causes`` explains it."""
        if not any(self.explained(cause) for cause in (path, *causes)):
            self._append(path, message)

    def explained(self, path: KeyPath) -> bool:
        """Whether the key at ``path``, or a table above it, was refused."""
        return any(prefix in self._refused for prefix in _prefixes(path))

    def raise_any(self, file: str) -> None:
        """Raise :class:`ConfigError` with all faults, in the order of the file, if there are any."""
        if self._faults:
            raise ConfigError(file, tuple(sorted(self._faults, key=lambda fault: fault.line or 0)))

    def _append(self, path: KeyPath, message: str) -> None:
        option = self._option(path)
        if option:
            fault = Fault(option, message)
        else:
            line = next((self._lines[prefix] for prefix in _prefixes(path) if prefix in self._lines), None)
            fault = Fault(shown(path), message, line)
        self._faults[fault] = None

    def _option(self, path: KeyPath) -> str | None:
        """The option that set the key at ``path``, a table above it, or all of the table at ``path``."""
        inside = () if path in self._lines else (given for given in self._given if given[: len(path)] == path)
        return next(
            (self._given[given] for given in (*_prefixes(path), *inside) if given in self._given), None
        )


def _prefixes(path: KeyPath) -> list[KeyPath]:
    return [path[:length] for length in range(len(path), 0, -1)]
