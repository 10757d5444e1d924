"""A thread for what would block an event loop, there from the start: none can be made when Python ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """Runs calls one after another beside the event loops."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._serve, name="rose-aside", daemon=True).start()

    async def run(self, call: Callable[[], T]) -> T:
        """Run ``call`` in the thread; returns what it returns, or raises what it raises."""
        answer: Future[T] = Future()
        self._calls.put(lambda: _answer(answer, call))
        return await asyncio.wrap_future(answer)

    def _serve(self) -> None:
        while True:
            self._calls.get()()


def _answer(answer: Future[T], call: Callable[[], T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call())
    except BaseException as error:
        answer.set_exception(error)
