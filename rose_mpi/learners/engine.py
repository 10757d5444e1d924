"""What learners need of an engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from rose_mpi.events import Event, StopReason
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.futures import Future

T = TypeVar("T")


class Engine(Protocol):
    """Holds the ranks of a job for the learners of a program.

    Attributes
    ----------
    seed:
        Seed of the run.
    max_iterations:
        Iterations of learners that are not told otherwise; ``None``: no limit.
    on_failure:
        What a failed task does where its decorator does not say.
    stop_reason:
        Why the run is to end early; ``None`` if it is not.
    """

    @property
    def executor(self) -> Executor: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def max_iterations(self) -> int | None: ...  # noqa: D102
    @property
    def on_failure(self) -> str: ...  # noqa: D102
    @property
    def stop_reason(self) -> StopReason | None: ...  # noqa: D102

    def observe(self, event: Event) -> None:
        """Tell the results file, and whoever else wants to know."""
        ...

    def unique_names(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Names that no other learner has: those ``wanted``, or all with the same ``.2``, ``.3``, …."""
        ...

    def start(
        self, coroutine: Coroutine[Any, Any, T], what: str, kind: type[Future[T]] = Future
    ) -> Future[T]:
        """Begin ``coroutine`` in the running event loop, or in the engine's own where none runs here.

        Raises
        ------
        UsageError
            If the engine was shut down.
        """
        ...

    def at_end(self, action: Callable[[], Awaitable[None]]) -> None:
        """Have ``action`` awaited when the engine is shut down, after all that was started has ended."""
        ...

    def shutdown(self) -> Any:
        """Wait for what runs and close the results file; blocks, or gives an awaitable in an event loop."""
        ...
