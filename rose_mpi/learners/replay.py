"""An executor that answers from what an earlier part of the run recorded, and runs only the rest.

So learners need not know that their run was interrupted: their loops do again what they did, with the same
answers, and come to where they were.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from rose_mpi.events import EnsembleScored, Observer, TasksRepeated
from rose_mpi.layout import Layout
from rose_mpi.learners.executor import Executor
from rose_mpi.store.history import History
from rose_mpi.store.records import NO_EXIT_CODE, TaskRow
from rose_mpi.store.values import NOT_KEPT, UNSAYABLE, value_of
from rose_mpi.tasks import Expects, FileArray, RankArray, TaskCall, TaskResult, TaskStatus
from rose_mpi.uq.scores import ScoreRequest, Scores

logger = logging.getLogger(__name__)

_COUNTS: Final = ("banks", "new_experiences", "experiences")
"""What merging makes known, as part of the iteration's state."""


class ReplayExecutor:
    """See :class:`~rose_mpi.learners.executor.Executor`; tells what must be recorded to be replayed.

    Parameters
    ----------
    executor:
        Runs what was not recorded.
    """

    def __init__(self, executor: Executor, history: History, layout: Layout, observe: Observer) -> None:
        self._executor = executor
        self._history = history
        self._layout = layout
        self._observe = observe
        self._unwritten: dict[str, tuple[str, int, Scores]] = {}
        self._told = False

    async def open(self, learners: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        """Give each learner a group of ranks."""
        return await self._executor.open(learners)

    def close(self, learner: str) -> None:
        """The learner has ended."""
        self._executor.close(learner)

    async def run_stage(self, calls: Sequence[TaskCall]) -> list[TaskResult]:
        """Run those tasks of a stage whose results were not recorded."""
        found = {call.id: result for call in calls if (result := self._recorded(call))}
        missing = [call for call in calls if call.id not in found]
        if missing:
            await self._prepare(missing)
            found |= {result.id: result for result in await self._executor.run_stage(missing)}
        else:
            await asyncio.sleep(0)  # let others in, however many iterations are replayed
        return [found[call.id] for call in calls]

    async def score(self, request: ScoreRequest) -> Scores:
        """Score an ensemble, unless it was scored already."""
        scored = self._history.scored(request.learner, request.iteration)
        if scored is None:
            scores = await self._executor.score(request)
            self._observe(_event(request, scores))
            return scores
        return self._later(request.learner, request.iteration, _scores(scored))

    async def merge_experience(self, learner: str, iteration: int) -> Mapping[str, int]:
        """Merge the experience banks of an iteration, unless it ended: merging twice changes nothing."""
        state = self._history.state(learner, iteration)
        if state is None:
            return await self._executor.merge_experience(learner, iteration)
        return {name: int(state.state[name]) for name in _COUNTS if name in state.state}

    async def publish(self, learner: str, iteration: int, scores: Scores) -> Scores:
        """Leave a selection where the tasks that follow find it."""
        if self._history.state(learner, iteration) is None:
            return await self._executor.publish(learner, iteration, scores)
        return self._later(learner, iteration, scores)

    def _later(self, learner: str, iteration: int, scores: Scores) -> Scores:
        """Publish a selection when a task needs it."""
        path = str(self._layout.selection(learner, iteration))
        self._unwritten[path] = learner, iteration, scores
        return replace(scores, file=path)

    async def _prepare(self, calls: Sequence[TaskCall]) -> None:
        """Have all in place that tasks need, and their earlier attempts forgotten."""
        for path in {call.selection for call in calls} & self._unwritten.keys():
            await self._executor.publish(*self._unwritten[str(path)])
            self._unwritten.pop(str(path), None)
        repeated = tuple(call.id for call in calls if self._history.attempt(call.id))
        if repeated:
            self._observe(TasksRepeated(repeated))

    def _recorded(self, call: TaskCall) -> TaskResult | None:
        """How a task ended for good; ``None`` if it is to run."""
        row = self._history.attempt(call.id)
        if row is None:
            return None
        if row.status == TaskStatus.DONE:
            return self._replayed(call, row)
        task = call.id
        ended = self._history.state(task.learner, task.iteration) is not None
        if row.status == TaskStatus.CANCELLED or row.attempt < call.work.retries:
            return None
        return _result(call, row) if ended or not self._history.failed(task.learner) else None

    def _replayed(self, call: TaskCall, row: TaskRow) -> TaskResult | None:
        if row.result == NOT_KEPT or row.registered == UNSAYABLE:
            self._tell(call)
            return None
        result = _result(call, row, value_of(row.result))
        return result if self._is_of_use(call, result.value) else None

    def _is_of_use(self, call: TaskCall, value: Any) -> bool:
        """Whether an array is still there, or is needed no more."""
        task = call.id
        if not isinstance(value, FileArray | RankArray) or self._history.state(task.learner, task.iteration):
            return True
        if call.expects is Expects.PREDICTION and self._history.scored(task.learner, task.iteration):
            return True
        return isinstance(value, FileArray) and _is_whole(value.path)

    def _tell(self, call: TaskCall) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "task %s runs again, and all others like it: JSON cannot say what it returned or registered, "
                "so it was not recorded",
                call.id,
            )


def _is_whole(path: str) -> bool:
    """Whether a file holds its arrays; what tasks leave is not safe from a power cut."""
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return False
    if isinstance(loaded, np.lib.npyio.NpzFile):
        loaded.close()
    return True


def _result(call: TaskCall, row: TaskRow, value: Any = None) -> TaskResult:
    return TaskResult(
        id=call.id,
        attempt=row.attempt,
        status=TaskStatus(row.status),
        rank=row.rank,
        host=row.host,
        queued=row.queued,
        started=row.started,
        finished=row.finished,
        value=value,
        exit_code=None if row.exit_code == NO_EXIT_CODE else row.exit_code,
        signal=row.signal,
        error=row.error,
        cpu_seconds=row.cpu_seconds,
        max_rss=row.max_rss,
        registered=pickle.dumps(json.loads(row.registered)) if row.registered else b"",
    )


def _event(request: ScoreRequest, scores: Scores) -> EnsembleScored:
    return EnsembleScored(
        learner=request.learner,
        iteration=request.iteration,
        selected=tuple(scores.indices.tolist()),
        selected_score=tuple(scores.scores.tolist()),
        uncertainty=scores.uncertainty,
        pool_uncertainty=scores.pool_uncertainty,
        candidates=scores.candidates,
        calibration=dict(scores.calibration),
    )


def _scores(scored: EnsembleScored) -> Scores:
    return Scores(
        indices=np.array(scored.selected, np.int64),
        scores=np.array(scored.selected_score, np.float64),
        uncertainty=scored.uncertainty,
        pool_uncertainty=scored.pool_uncertainty,
        candidates=scored.candidates,
        calibration=scored.calibration,
    )
