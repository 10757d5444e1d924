"""The state of a learner as its tasks make it known while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

StateCallback = Callable[[str, Any], None]


class StateRegistry:
    """Named values, and those who want to hear of each; any thread may call."""

    def __init__(self, tell: StateCallback) -> None:
        self._tell = tell
        self._values: dict[str, Any] = {}
        self._lock = threading.Lock()

    def register(self, key: str, value: Any) -> None:
        """Keep a value until the next iteration begins."""
        with self._lock:
            self._values[key] = value
        self._tell(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or ``default``."""
        return self._values.get(key, default)

    def all(self) -> dict[str, Any]:
        """A copy of all values."""
        with self._lock:
            return dict(self._values)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()
