"""What a call will come to: awaited in an event loop, or waited for by a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, NoReturn, TypeVar

from rose_mpi.errors import TaskError

T = TypeVar("T")


class Future(Generic[T]):
    """The outcome of a coroutine that has begun; it may be awaited in any loop, and more than once.

    Attributes
    ----------
    what:
        What it is, for messages.
    seen:
        Whether anybody has asked for the outcome.
    """

    def __init__(self, what: str, loop: asyncio.AbstractEventLoop) -> None:
        self.what = what
        self.seen = False
        self._loop = loop
        self._answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._task: asyncio.Task[None] | None = None
        self._dropped = False

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Run ``coroutine`` in the loop, at once if it is the running one."""
        if running_loop() is self._loop:
            self._create(coroutine)
        else:
            context = contextvars.copy_context()
            self._loop.call_soon_threadsafe(self._create, coroutine, context=context)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the outcome and return it, or raise what was raised.

        Parameters
        ----------
        timeout:
            Seconds to wait at most; then a :class:`TimeoutError` is raised.

        Raises
        ------
        RuntimeError
            If the work needs the event loop of this very thread: waiting here would hang.
        """
        self._refuse_to_hang("result")
        self.seen = True
        return self._answer.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome and return what was raised, if anything was; raises as :meth:`result` does."""
        self._refuse_to_hang("exception")
        self.seen = True
        return self._answer.exception(timeout)

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._answer.done()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._answer.cancelled()

    def cancel(self) -> bool:
        """End the work and its tasks; false if there is an outcome already.

        Processes are ended, but a Python function that has begun goes on to its end.
        """
        return self._answer.cancel()

    def drop_if_stranded(self) -> None:
        """Give up if the event loop no longer runs that would do the work."""
        if not self.done() and not self._loop.is_running():
            self._dropped = True
            self._answer.cancel()

    def add_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Have ``callback(self)`` called when there is an outcome, in whatever thread brings it."""
        self._answer.add_done_callback(lambda _: callback(self))

    def settled(self) -> concurrent.futures.Future[None]:
        """Done when there is an outcome, whatever it is."""
        settled: concurrent.futures.Future[None] = concurrent.futures.Future()

        def settle(_: object) -> None:
            if settled.set_running_or_notify_cancel():
                settled.set_result(None)

        self._answer.add_done_callback(settle)
        return settled

    @property
    def failure(self) -> BaseException | None:
        """Why there is no value, without counting as asked for; ``None`` while it runs or after a cancel."""
        if self._dropped:
            return RuntimeError("its event loop ended before it did; write `await` in front of the call")
        finished = self._answer.done() and not self._answer.cancelled()
        return self._answer.exception() if finished else None

    def shielded(self) -> asyncio.Future[T]:
        """The outcome for one who may be cancelled without ending the work."""
        self.seen = True
        return asyncio.shield(asyncio.wrap_future(self._answer))

    def __await__(self) -> Generator[Any, None, T]:
        self.seen = True
        return asyncio.wrap_future(self._answer).__await__()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.what} has no outcome yet: futures are looked for in lists and tuples only")

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "running"
        return f"<{type(self).__name__} of {self.what}, {state}>"

    def _create(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(self._run(coroutine))
        self._answer.add_done_callback(self._cancel_task)

    async def _run(self, coroutine: Coroutine[Any, Any, T]) -> None:
        try:
            value = await coroutine
        except asyncio.CancelledError:
            self._dropped = not self._answer.cancelled()
            self._answer.cancel()
            raise
        except BaseException as error:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                self._answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                self._answer.set_result(value)

    def _cancel_task(self, answer: concurrent.futures.Future[T]) -> None:
        if answer.cancelled() and self._task:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the task with it
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _refuse_to_hang(self, method: str) -> None:
        if not self.done() and running_loop() is self._loop:
            raise RuntimeError(
                f"{method}() of {self.what} would wait for ever: it runs in the event loop of this thread. "
                f"Write `await` in front of the call"
            )


async def resolved(value: Any) -> Any:
    """The value with the outcomes in place of the futures in it, also inside lists and tuples.

    Raises
    ------
    TaskError
        If one of them failed or was cancelled; the failure is its cause.
    """
    if isinstance(value, Future):
        return await _outcome(value)
    if isinstance(value, list):
        return [await resolved(item) for item in value]
    if type(value) is tuple:
        return tuple([await resolved(item) for item in value])
    return value


async def _outcome(future: Future[Any]) -> Any:
    try:
        return await future.shielded()
    except asyncio.CancelledError:
        if future.cancelled():
            raise TaskError(f"{future.what}, which was needed first, was cancelled") from None
        raise
    except Exception as error:
        raise TaskError(f"{future.what}, which was needed first, failed: {error}") from error


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread; ``None`` where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
