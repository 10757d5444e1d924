"""The states of learners, one after another, for ``async for`` and for ``for``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

from rose_mpi.errors import UsageError
from rose_mpi.iteration import IterationState
from rose_mpi.learners.futures import running_loop
from rose_mpi.learners.stages import AbortError

Generator = AsyncGenerator[IterationState, None]


class States:
    """Iterates over the states of running learners; leaving the loop ends them.

    A learner begins an iteration when the loop asks for the next state after having taken its last one.

    Parameters
    ----------
    learners:
        Their names.
    wait:
        Runs a coroutine in the engine's event loop and blocks until its end, for a plain ``for``.
    """

    def __init__(
        self,
        states: Generator,
        learners: Sequence[str],
        wait: Callable[[Coroutine[Any, Any, IterationState]], IterationState],
    ) -> None:
        self.learners = tuple(learners)
        self._states = states
        self._wait = wait
        self._loop: asyncio.AbstractEventLoop | None = None

    def __aiter__(self) -> AsyncIterator[IterationState]:
        return self

    async def __anext__(self) -> IterationState:
        self._loop = asyncio.get_running_loop()
        return await anext(self._states)

    async def aclose(self) -> None:
        """End the learners; from any event loop, as long as the one that they run in goes on."""
        if self._loop in (None, asyncio.get_running_loop()):
            await self._states.aclose()
        elif self._loop and self._loop.is_running():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.aclose(), self._loop))

    def __iter__(self) -> Iterator[IterationState]:
        if running_loop():
            raise UsageError("an event loop runs here: write `async for` in place of `for`")
        return self

    def __next__(self) -> IterationState:
        try:
            return self._wait(self.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None


async def side_by_side(learners: Sequence[Generator]) -> Generator:
    """The states of several learners as they come.

    Raises
    ------
    Exception
        What the first learner that failed raised, after the others have ended; at once if its failure shall
        end all.
    """
    failures: list[Exception] = []
    waiting = {asyncio.create_task(_next(states)): states for states in learners}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in waiting if task in done]:
                states = waiting.pop(task)
                try:
                    state = task.result()
                except StopAsyncIteration:
                    continue
                except AbortError:
                    raise
                except Exception as failure:
                    failures.append(failure)
                    continue
                yield state
                waiting[asyncio.create_task(_next(states))] = states
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for states in learners:
            await states.aclose()
    if failures:
        raise _first(failures, len(learners))


def _first(failures: Sequence[Exception], learners: int) -> Exception:
    if len(failures) > 1:
        failures[0].add_note(f"{len(failures)} of {learners} learners failed; this is the first failure")
    return failures[0]


async def _next(states: Generator) -> IterationState:
    return await anext(states)
