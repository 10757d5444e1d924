"""The thread of a rank that runs Python functions and enters collectives, one after another."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue


class CallRunner:
    """Runs calls in the thread that serves: the main thread, except on the coordinator's rank."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(self, call: Callable[[], None]) -> None:
        """Have ``call`` run after those submitted before; from any thread."""
        self._calls.put(call)

    def serve(self) -> None:
        """Run calls until :meth:`stop`."""
        while (call := self._calls.get()) is not None:
            call()

    def stop(self) -> None:
        """End :meth:`serve` after the calls submitted so far."""
        self._calls.put(None)


class Gate:
    """Holds the serving thread until all members of a collective are ready."""

    def __init__(self) -> None:
        self._answer: SimpleQueue[bool] = SimpleQueue()

    def open(self, go: bool) -> None:
        """Let the waiting thread enter, or turn it away."""
        self._answer.put(go)

    def wait(self) -> bool:
        """Wait for the answer."""
        return self._answer.get()
