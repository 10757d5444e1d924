"""Makes a run's metrics ready beside its first iteration."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.execution.user_metrics import load_user_metrics
from rose_mpi.uq.registry import find_metric
from rose_mpi.uq.warm import warm


class KernelWarming:
    """Imports and compiles in a thread of its own, so that the first score does not wait for it.

    Parameters
    ----------
    root:
        Where the user's modules are looked for first.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._thread: threading.Thread | None = None
        self._errors: dict[str, ScoreError | None] = {}

    def start(self, metrics: Iterable[str]) -> None:
        """Begin with the metrics that are known of by now."""
        self._thread = threading.Thread(
            target=self._prepare_all, args=(metrics,), name="rose-kernels", daemon=True
        )
        self._thread.start()

    def wait(self, metric: str) -> None:
        """Wait until a metric is ready; one that was not begun with is made ready here.

        Raises
        ------
        ScoreError
            If there is no such metric on this rank, or it cannot be imported.
        """
        if self._thread:
            self._thread.join()
        if metric not in self._errors:
            self._prepare(metric)
        if error := self._errors[metric]:
            raise error
        try:
            find_metric(metric)
        except UsageError as error:
            raise ScoreError(
                f"{error}. A metric of your own must be known on every rank: "
                f"register it above the line that makes the engine"
            ) from error

    def _prepare_all(self, metrics: Iterable[str]) -> None:
        for metric in metrics:
            self._prepare(metric)

    def _prepare(self, metric: str) -> None:
        try:
            load_user_metrics([metric], self._root)
            warm([metric])
        except ScoreError as error:
            self._errors[metric] = error
        except Exception as error:
            self._errors[metric] = ScoreError(f"metric {metric!r} cannot be made ready: {error!r}")
        else:
            self._errors[metric] = None
