"""The stages of one iteration of one learner, as an iteration's recipe asks for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from rose_mpi.errors import ResultError, TaskError
from rose_mpi.execution.command import with_options
from rose_mpi.learners.best import parameters_now
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.memory import Memory
from rose_mpi.learners.registry import StateRegistry
from rose_mpi.learners.seeds import seed_of
from rose_mpi.learners.spec import LearnerSpec, OnFailure, Step, Uncertainty, Work
from rose_mpi.learners.values import METRIC_VALUE, combined, metric_of, scores_of, state_of
from rose_mpi.schedules import merged
from rose_mpi.tasks import Expects, FileArray, Function, RankArray, Task, TaskCall, TaskId, TaskResult
from rose_mpi.uq.scores import Member, ScoreRequest, Scores

logger = logging.getLogger(__name__)

FOLLOWS: Final = {
    "simulation": ("active_learn",),
    "training": ("simulation",),
    "prediction": ("training",),
    "uncertainty": ("prediction",),
    "active_learn": ("simulation", "training", "uncertainty"),
    "environment": ("criterion",),
    "update": ("environment",),
    "criterion": ("active_learn", "update"),
}
"""Whose values the task of a stage is given, where it is made anew each time."""


class AbortError(TaskError):
    """A task failed whose failure shall end the whole run."""


class LearnerStoppedError(Exception):
    """Somebody asked the learner to stop."""


class Stages:
    """Runs the stages of one iteration and gathers what they return.

    Attributes
    ----------
    scores:
        What was selected in this iteration, once :meth:`score` has run.
    """

    def __init__(
        self,
        spec: LearnerSpec,
        iteration: int,
        executor: Executor,
        memory: Memory,
        registry: StateRegistry,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.spec = spec
        self.iteration = iteration
        self.memory = memory
        self.scores: Scores | None = None
        self._executor = executor
        self._registry = registry
        self._is_stopped = is_stopped
        self._states: dict[TaskId, dict[str, Any]] = {}

    @property
    def begins_late(self) -> bool:
        """Whether what the iteration begins with was done before the learner started."""
        return self.spec.skip_pre_loop and self.iteration == 0

    async def run(self, name: str, model: str = "") -> list[TaskResult]:
        """Run the step ``name``, if the learner has it; returns the results that succeeded.

        Raises
        ------
        TaskError
            If a task failed and the step does not skip failures, or if all its tasks failed.
        LearnerStoppedError
            If the learner was asked to stop.
        """
        step = self.spec.steps.get(name)
        if step is None:
            return []
        if self._is_stopped():
            raise LearnerStoppedError
        results = await self._executor.run_stage(await self._calls(name, step, model))
        done = [result for result in results if result.done]
        self._refuse_failures(step, results, done)
        self._remember(name, model, done)
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
        for name, value in self.scores.calibration.items():
            self._registry.register(name, value)

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
            parameters=parameters_now(wanted, self.memory),
            batch=wanted.batch,
            features=FileArray(wanted.features) if wanted.features else None,
        )

    async def check(self, model: str = "") -> None:
        """Run the criterion for one model and remember its metric."""
        criterion = self.spec.criterion
        if criterion is None:
            return
        for result in await self.run("criterion", model):
            metric = metric_of(result.value, criterion.metric, f"task {result.id}")
            self.memory.remember_metric(model, metric)

    async def merge_experience(self) -> None:
        """Merge the experience that the environments left in the learner's folder."""
        counts = await self._executor.merge_experience(self.spec.name, self.iteration)
        if not counts.get("banks", 1):
            logger.warning(
                "%s, iteration %d: the environments left no experience_bank_*.npz in the learner's folder",
                self.spec.name,
                self.iteration,
            )
        for name, count in counts.items():
            self._registry.register(name, count)

    def state(self) -> dict[str, Any]:
        """What the iteration's tasks returned by name; numbers of one name as their mean."""
        return self._registry.all() | combined(self._states[task] for task in sorted(self._states))

    def _remember(self, name: str, model: str, done: Sequence[TaskResult]) -> None:
        self.memory.remember_values(name, model, [result.value for result in done])
        read = self._read_elsewhere(name)
        for result in done:
            state = {key: value for key, value in state_of(result).items() if key not in read}
            self._states[result.id] = state
            for key, value in state.items():
                self._registry.register(key, value)
                self.memory.remember_number(key, value)

    def _read_elsewhere(self, name: str) -> set[str]:
        """What a task returns that is no state: the metric, and the selection of the user's own."""
        if name == "criterion" and self.spec.criterion:
            return {self.spec.criterion.metric, METRIC_VALUE}
        if name == "uncertainty" and self.spec.uncertainty:
            return {self.spec.uncertainty.metric, METRIC_VALUE, "indices", "scores"}
        return set()

    async def _calls(self, name: str, step: Step, model: str) -> list[TaskCall]:
        count = self.spec.ensemble.predictions if name == "prediction" else step.count
        works = [*[step.work] * count, *step.beside]
        ids = [TaskId(self.spec.name, self.iteration, name, index, model) for index in range(len(works))]
        own_scores = "uncertainty" in self.spec.steps
        expects = Expects.PREDICTION if name == "prediction" and not own_scores else Expects.ANYTHING
        kwargs = merged(step.schedules, self.iteration)
        return [
            TaskCall(
                task, await self._work(work, task, kwargs), self._seed(task), expects, self.memory.selection
            )
            for task, work in zip(ids, works, strict=True)
        ]

    async def _work(self, work: Work, task: TaskId, kwargs: dict[str, Any]) -> Task | Function:
        if isinstance(work, Task):
            return with_options(work, kwargs)
        if isinstance(work, Function):
            return replace(work, kwargs={**work.kwargs, **kwargs})
        model = {"--model_name": task.model} if task.model else {}
        number = {"--iteration": task.index} if task.stage == "prediction" else {}
        values = [
            value
            for stage in FOLLOWS.get(task.stage, ())
            for value in self.memory.values_of(stage, task.model)
        ]
        return await work.make(self.iteration, values, {**kwargs, **model, **number})

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


def _array(result: TaskResult) -> FileArray | RankArray:
    if isinstance(result.value, FileArray | RankArray):
        return result.value
    raise ResultError(f"task {result.id} returned no array: a prediction must be one")
