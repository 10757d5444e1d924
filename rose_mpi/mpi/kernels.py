"""Compiles the kernels of a run beside its first iteration."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rose_mpi.uq.warm import warm


class KernelWarming:
    """Makes kernels ready in a thread of its own, so that the first score does not wait for a compiler."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self, metrics: Sequence[str]) -> None:
        """Begin with the kernels of these metrics."""
        self._thread = threading.Thread(target=warm, args=(metrics,), name="rose-kernels", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until they are ready, if they were begun."""
        if self._thread:
            self._thread.join()
