"""The stages of one iteration of one learner, as an iteration's recipe asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rose_mpi.errors import ResultError, TaskError
from rose_mpi.execution.command import with_options
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.memory import Memory
from rose_mpi.learners.seeds import seed_of
from rose_mpi.learners.spec import LearnerSpec, OnFailure, Step, Uncertainty
from rose_mpi.learners.values import METRIC_VALUE, metric_of, numbers_of, scores_of
from rose_mpi.schedules import merged
from rose_mpi.tasks import Expects, FileArray, Function, RankArray, Task, TaskCall, TaskId, TaskResult
from rose_mpi.uq.scores import Member, ScoreRequest, Scores


class AbortError(TaskError):
    """A task failed whose failure shall end the whole run."""


class Stages:
    """Runs the stages of one iteration and gathers what they return.

    Attributes
    ----------
    scores:
        What was selected in this iteration, once :meth:`score` has run.
    """

    def __init__(self, spec: LearnerSpec, iteration: int, executor: Executor, memory: Memory) -> None:
        self.spec = spec
        self.iteration = iteration
        self.memory = memory
        self._numbers: dict[TaskId, dict[str, float]] = {}
        self.scores: Scores | None = None
        self._executor = executor

    async def run(self, name: str, model: str = "") -> list[TaskResult]:
        """Run the step ``name``, if the learner has it; returns the results that succeeded.

        Raises
        ------
        TaskError
            If a task failed and the step does not skip failures, or if all its tasks failed.
        """
        step = self.spec.steps.get(name)
        if step is None:
            return []
        results = await self._executor.run_stage(self._calls(name, step, model))
        done = [result for result in results if result.done]
        self._refuse_failures(step, results, done)
        self._numbers.update((result.id, numbers_of(result.value)) for result in done)
        return done

    async def predict(self, model: str) -> list[Member]:
        """Run the predictions of one model; returns them as members of the ensemble that is scored here."""
        results = await self.run("prediction", model)
        if "uncertainty" in self.spec.steps:
            return []
        return [Member(model, result.id.index, _array(result)) for result in results]

    async def score(self, members: Sequence[Member]) -> None:
        """Score the ensemble, over the group or by the user's own task, and remember what was chosen."""
        wanted = self.spec.uncertainty
        if wanted is None:
            raise ValueError(f"learner {self.spec.name!r} has no uncertainty to score")
        if "uncertainty" in self.spec.steps:
            self.scores = await self._measured(wanted)
        else:
            self.scores = await self._executor.score(self._request(wanted, members))
        self.memory.remember_selection(self.scores)

    async def _measured(self, wanted: Uncertainty) -> Scores:
        (result,) = await self.run("uncertainty")
        scores = scores_of(result.value, wanted.metric, f"task {result.id}")
        if wanted.query_size:
            most = slice(int(wanted.query_size))
            scores = replace(scores, indices=scores.indices[most], scores=scores.scores[most])
        return await self._executor.publish(self.spec.name, self.iteration, scores)

    def _request(self, wanted: Uncertainty, members: Sequence[Member]) -> ScoreRequest:
        return ScoreRequest(
            learner=self.spec.name,
            iteration=self.iteration,
            metric=wanted.metric,
            task_type=wanted.task_type,
            query_size=wanted.query_size,
            members=tuple(members),
            excluded=np.empty(0, np.int64) if wanted.changing_pool else self.memory.queried,
            seed=self._seed(TaskId(self.spec.name, self.iteration, "score")),
            targets=FileArray(wanted.targets) if wanted.targets else None,
        )

    async def check(self, model: str = "") -> None:
        """Run the criterion for one model and remember its metric."""
        criterion = self.spec.criterion
        if criterion is None:
            return
        for result in await self.run("criterion", model):
            metric = metric_of(result.value, criterion.metric, f"task {result.id}")
            self.memory.remember_metric(model, metric)

    def state(self) -> dict[str, float]:
        """The numbers that the iteration's tasks returned; the mean where several returned one name."""
        measured = {"criterion": self.spec.criterion, "uncertainty": self.spec.uncertainty}
        metrics = {stage: {by.metric, METRIC_VALUE} for stage, by in measured.items() if by}
        found: dict[str, list[float]] = {}
        for task in sorted(self._numbers):
            for name, number in self._numbers[task].items():
                if name not in metrics.get(task.stage, ()):
                    found.setdefault(name, []).append(number)
        return {name: sum(numbers) / len(numbers) for name, numbers in found.items()}

    def _calls(self, name: str, step: Step, model: str) -> list[TaskCall]:
        kwargs = merged(step.schedules, self.iteration)
        work = _configured(step.work, kwargs)
        ids = [
            TaskId(self.spec.name, self.iteration, name, index, model) for index in range(self._count(name))
        ]
        own_scores = "uncertainty" in self.spec.steps
        expects = Expects.PREDICTION if name == "prediction" and not own_scores else Expects.ANYTHING
        return [TaskCall(task, work, self._seed(task), expects, self.memory.selection) for task in ids]

    def _count(self, name: str) -> int:
        return self.spec.ensemble.predictions if name == "prediction" else self.spec.steps[name].count

    def _seed(self, task: TaskId) -> int:
        return seed_of(self.spec.seed, task)

    def _refuse_failures(self, step: Step, results: list[TaskResult], done: list[TaskResult]) -> None:
        failed = [result for result in results if not result.done]
        if not failed or (done and step.on_failure is OnFailure.SKIP):
            return
        first = failed[0]
        more = f" (and {len(failed) - 1} more of this stage)" if len(failed) > 1 else ""
        error = AbortError if step.on_failure is OnFailure.ABORT else TaskError
        raise error(f"task {first.id} {first.status}{more}: {first.error}")


def _configured(work: Task | Function, kwargs: dict[str, object]) -> Task | Function:
    if isinstance(work, Task):
        return with_options(work, kwargs)
    return Function(work.reference, {**work.kwargs, **kwargs}, work.retries)


def _array(result: TaskResult) -> FileArray | RankArray:
    if isinstance(result.value, FileArray | RankArray):
        return result.value
    raise ResultError(f"task {result.id} returned no array: a prediction must be one")
