"""Many learners side by side, one's failure leaving the others alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rose_mpi.errors import RoseError
from rose_mpi.events import Observer, StopReason
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.learner_run import LearnerRun
from rose_mpi.learners.loop import LearnerLoop
from rose_mpi.learners.spec import LearnerSpec
from rose_mpi.learners.stages import AbortError


class Campaign:
    """Runs learners concurrently and tells an observer how they fare."""

    def __init__(self, specs: Sequence[LearnerSpec], executor: Executor, observe: Observer) -> None:
        self._specs = tuple(specs)
        self._executor = executor
        self._observe = observe
        self._tasks: list[asyncio.Task[StopReason]] = []
        self._stop_reason: StopReason | None = None

    async def run(self) -> tuple[StopReason, ...]:
        """Run all learners to their ends; returns why each stopped, in their order."""
        groups = await self._executor.open([spec.name for spec in self._specs])
        self._tasks = [asyncio.create_task(self._learn(spec, groups[spec.name])) for spec in self._specs]
        if self._stop_reason:
            self._cancel(self._tasks)
        return tuple(await asyncio.gather(*self._tasks))

    def stop(self, reason: StopReason) -> None:
        """End all learners that still run, and their tasks; in the event loop's thread."""
        self._stop_reason = reason
        self._cancel(self._tasks)

    async def _learn(self, spec: LearnerSpec, group: tuple[int, ...]) -> StopReason:
        loop = LearnerLoop(spec, self._executor)
        run = LearnerRun(loop, self._executor, self._observe, lambda: self._stop_reason)
        try:
            async for _ in run.states(group):
                pass
        except AbortError:
            self._end_others(spec)
        except (RoseError, asyncio.CancelledError):
            pass
        return run.stop_reason or StopReason.STOPPED

    def _end_others(self, failed: LearnerSpec) -> None:
        pairs = zip(self._specs, self._tasks, strict=True)
        self._cancel([task for spec, task in pairs if spec is not failed])

    @staticmethod
    def _cancel(tasks: Sequence[asyncio.Task[StopReason]]) -> None:
        """Cancel tasks after they have begun, so that each tells how it ended."""
        for task in tasks:
            asyncio.get_running_loop().call_soon(task.cancel)
