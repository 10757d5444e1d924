"""The executor that learners see: their coroutines on one side, the engine thread on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from rose_mpi.execution.selection import write_selection
from rose_mpi.layout import Layout
from rose_mpi.mpi.aside import Aside
from rose_mpi.mpi.coordinator import Coordinator
from rose_mpi.rl.merging import merge_folder
from rose_mpi.tasks import TaskCall, TaskResult
from rose_mpi.uq.scores import ScoreRequest, Scores


class MpiExecutor:
    """Runs stages on the ranks of this job; see :class:`~rose_mpi.learners.executor.Executor`."""

    def __init__(
        self, coordinator: Coordinator, post: Callable[[Callable[[], None]], None], layout: Layout
    ) -> None:
        self._coordinator = coordinator
        self._post = post
        self._layout = layout
        self._aside = Aside()

    async def open(self, learners: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        """Give each learner a group of ranks; returns the world ranks of each, the leader first.

        Raises
        ------
        UsageError
            If a learner of this name is open already.
        """
        answer: Future[Mapping[str, tuple[int, ...]]] = Future()
        self._post(partial(self._coordinator.open, tuple(learners), answer))
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            for learner in learners:
                self.close(learner)
            raise

    def close(self, learner: str) -> None:
        """The learner has ended; from any thread."""
        self._post(partial(self._coordinator.close, learner))

    async def run_stage(self, calls: Sequence[TaskCall]) -> list[TaskResult]:
        """Run the tasks of one stage; cancelling the call ends them."""
        answer: Future[list[TaskResult]] = Future()
        self._post(partial(self._coordinator.run_stage, tuple(calls), answer))
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            self._post(partial(self._coordinator.cancel, tuple(calls)))
            raise

    async def score(self, request: ScoreRequest) -> Scores:
        """Score an ensemble and leave the selection where tasks find it."""
        answer: Future[Scores] = Future()
        self._post(partial(self._coordinator.score, request, answer))
        scores = await asyncio.wrap_future(answer)
        return await self.publish(request.learner, request.iteration, scores)

    async def merge_experience(self, learner: str, iteration: int) -> Mapping[str, int]:
        """Merge what the environments left in the learner's folder."""
        merged = await self._aside.run(partial(merge_folder, self._layout.workdir(learner), iteration))
        return {"banks": merged.banks, "new_experiences": merged.added, "experiences": merged.total}

    async def publish(self, learner: str, iteration: int, scores: Scores) -> Scores:
        """Write a selection to the file that the tasks which follow are told of."""
        path = self._layout.selection(learner, iteration)
        await self._aside.run(partial(write_selection, path, scores))
        return replace(scores, file=str(path))
