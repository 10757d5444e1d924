"""Many learners side by side, one's failure leaving the others alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from rose_mpi.errors import RoseError
from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted, Observer, StopReason
from rose_mpi.learners.executor import Executor
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
        self._observe(_started(spec, group))
        reason, error = StopReason.ERROR, ""
        try:
            reason = await self._iterate(spec)
        except AbortError as failure:
            error = str(failure)
            self._end_others(spec)
        except RoseError as failure:
            error = str(failure)
        except asyncio.CancelledError:
            reason = self._stop_reason or StopReason.STOPPED
        self._observe(LearnerFinished(spec.name, reason, time.time(), error))
        return reason

    async def _iterate(self, spec: LearnerSpec) -> StopReason:
        loop = LearnerLoop(spec, self._executor)
        async for state in loop.states():
            self._observe(IterationFinished(state))
        return loop.stop_reason or StopReason.STOPPED

    def _end_others(self, failed: LearnerSpec) -> None:
        pairs = zip(self._specs, self._tasks, strict=True)
        self._cancel([task for spec, task in pairs if spec is not failed])

    @staticmethod
    def _cancel(tasks: Sequence[asyncio.Task[StopReason]]) -> None:
        """Cancel tasks after they have begun, so that each tells how it ended."""
        for task in tasks:
            asyncio.get_running_loop().call_soon(task.cancel)


def _started(spec: LearnerSpec, group: tuple[int, ...]) -> LearnerStarted:
    criterion = spec.criterion
    return LearnerStarted(
        learner=spec.name,
        kind=spec.kind.value,
        group=group,
        models=spec.ensemble.models,
        metric_name=criterion.metric if criterion else "",
        threshold=criterion.threshold if criterion else float("nan"),
        operator=criterion.operator if criterion else "",
        max_iterations=spec.max_iterations or 0,
    )
