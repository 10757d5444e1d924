"""The engine as programs that were written for ROSE make it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

from rose_mpi.program.engine import Engine


class ResourceEngine(Engine):
    """The engine as older programs make it: ``ResourceEngine({"runtime": 30, …})``."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        super().__init__(resources)


class WorkflowEngine(Engine):
    """The engine as newer programs make it: ``await WorkflowEngine.create()``."""

    @classmethod
    async def create(cls, backend: Any = None, **options: Any) -> Self:
        """Make an engine.

        Parameters
        ----------
        backend:
            A dictionary of options; an execution backend is left out with a warning.
        """
        if backend is not None and not isinstance(backend, Mapping):
            warnings.warn(
                f"the backend {type(backend).__name__} is not used: tasks run on the ranks of this job",
                stacklevel=2,
            )
            backend = None
        return cls(backend, **options)
