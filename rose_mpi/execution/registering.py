"""State that a Python function makes known while it runs as a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import cloudpickle

from rose_mpi.errors import ResultError, UsageError

_STATE: ContextVar[dict[str, Any] | None] = ContextVar("state of the running task", default=None)


@contextmanager
def registering() -> Iterator[dict[str, Any]]:
    """Gather the state that is registered meanwhile."""
    state: dict[str, Any] = {}
    token = _STATE.set(state)
    try:
        yield state
    finally:
        _STATE.reset(token)


def pickled_state(state: dict[str, Any]) -> bytes:
    """The state on its way to the learner; empty for none.

    Raises
    ------
    ResultError
        If a value cannot be pickled.
    """
    if not state:
        return b""
    try:
        return bytes(cloudpickle.dumps(state))
    except Exception as error:
        raise ResultError(
            f"the state {', '.join(state)} that was registered cannot be sent: {error}"
        ) from error


class TaskLearner:
    """What a learner is to a function that runs as its task, on whatever rank."""

    def register_state(self, key: str, value: Any) -> None:
        """Make a value known to the learner when the task has ended."""
        self._state()[key] = value

    def get_state(self, key: str, default: Any = None) -> Any:
        """What this task registered under ``key``, or ``default``."""
        return self._state().get(key, default)

    def get_all_state(self) -> dict[str, Any]:
        """All that this task registered."""
        return dict(self._state())

    def clear_state(self) -> None:
        """Forget what this task registered."""
        self._state().clear()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UsageError(
            f"a task can register state with its learner, but {name!r} is only there in the program itself"
        )

    @staticmethod
    def _state() -> dict[str, Any]:
        state = _STATE.get()
        if state is None:
            raise UsageError("state can be registered only while the task runs, and not in its threads")
        return state
