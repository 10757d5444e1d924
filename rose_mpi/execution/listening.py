"""The helper process's one place to wait: descriptors, and what is called when they can be read."""

from __future__ import annotations

import select
from collections.abc import Callable


class Listener:
    """Calls the handlers of descriptors that can be read."""

    def __init__(self) -> None:
        self._poller = select.epoll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def wait(self, seconds: float | None) -> None:
        """Wait until something can be read, so many seconds at most, and call the handlers of that."""
        for descriptor, _ in self._poller.poll(seconds):
            if handler := self._handlers.get(descriptor):
                handler()

    def listen(self, descriptor: int, handler: Callable[[], object]) -> None:
        """Call ``handler`` whenever the descriptor can be read."""
        self._handlers[descriptor] = handler
        self._poller.register(descriptor, select.EPOLLIN)

    def wake_for_writing(self, descriptor: int, wanted: bool) -> None:
        """Let :meth:`wait` return, or no longer, when a descriptor that is listened to can be written."""
        self._poller.modify(descriptor, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)

    def ignore(self, descriptor: int) -> None:
        """Listen no longer, if at all; closing alone would not do while a child in its exec holds a copy."""
        if self._handlers.pop(descriptor, None):
            self._poller.unregister(descriptor)
