"""Makes a run's metrics ready beside its first iteration."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rose_mpi.errors import ScoreError
from rose_mpi.execution.user_metrics import load_user_metrics
from rose_mpi.uq.warm import warm


class KernelWarming:
    """Imports and compiles in a thread of its own, so that the first score does not wait for it."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: ScoreError | None = None

    def start(self, metrics: Sequence[str], root: str) -> None:
        """Begin with these metrics; those of the user are looked for in ``root`` first."""
        self._thread = threading.Thread(
            target=self._prepare, args=(metrics, root), name="rose-kernels", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Wait until they are ready, if they were begun.

        Raises
        ------
        ScoreError
            If a metric of the user's cannot be imported.
        """
        if self._thread:
            self._thread.join()
        if self._error:
            raise self._error

    def _prepare(self, metrics: Sequence[str], root: str) -> None:
        try:
            load_user_metrics(metrics, root)
        except ScoreError as error:
            self._error = error
        warm(metrics)
