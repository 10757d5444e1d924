"""The loop that every learner runs, whatever its kind."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from rose_mpi.events import StopReason
from rose_mpi.iteration import IterationState
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.memory import Memory
from rose_mpi.learners.recipes import RECIPES
from rose_mpi.learners.registry import StateCallback, StateRegistry
from rose_mpi.learners.spec import LearnerSpec, Uncertainty
from rose_mpi.learners.stages import LearnerStoppedError, Stages
from rose_mpi.metrics import compare
from rose_mpi.uq.registry import UQ_REGISTRY


class LearnerLoop:
    """Iterates a learner until a criterion is met or its iterations are used up.

    Attributes
    ----------
    spec:
        What the next iteration runs; its steps may be changed between iterations.
    stop_reason:
        Why it stopped; ``None`` while it runs.
    registry:
        The state that tasks made known in the present iteration.
    """

    def __init__(
        self, spec: LearnerSpec, executor: Executor, on_state: StateCallback = lambda key, value: None
    ) -> None:
        self.spec = spec
        self.stop_reason: StopReason | None = None
        self.registry = StateRegistry(on_state)
        self._executor = executor
        self._memory = Memory(spec.ensemble.models, spec.criterion)
        self._stopping = False

    def stop(self) -> None:
        """Start no further stage; the iteration under way gives no state."""
        self._stopping = True

    async def states(self) -> AsyncIterator[IterationState]:
        """Run the iterations, giving the state after each.

        Raises
        ------
        TaskError
            If a task failed for good.
        ScoreError
            If the predictions of the ensemble cannot be scored.
        """
        iteration = 0
        while self.stop_reason is None:
            if self.spec.max_iterations is not None and iteration >= self.spec.max_iterations:
                self.stop_reason = StopReason.MAX_ITER_REACHED
                return
            try:
                state = await self._iterate(iteration)
            except LearnerStoppedError:
                self.stop_reason = StopReason.STOPPED
                return
            yield state
            iteration += 1

    async def _iterate(self, iteration: int) -> IterationState:
        started = time.time()
        self.registry.clear()
        stages = Stages(
            self.spec, iteration, self._executor, self._memory, self.registry, lambda: self._stopping
        )
        await RECIPES[self.spec.kind](stages)
        self.stop_reason = self._reason_to_stop(stages)
        return self._state(stages, started)

    def _reason_to_stop(self, stages: Stages) -> StopReason | None:
        if self.spec.criterion and not self._memory.unmet:
            return StopReason.CRITERION_MET
        if stages.scores is None or self.spec.uncertainty is None:
            return None
        if stages.scores.candidates and stages.scores.indices.size == 0:
            return StopReason.STOPPED
        certain = _is_certain(self.spec.uncertainty, stages.scores.uncertainty)
        return StopReason.CRITERION_MET if certain else None

    def _state(self, stages: Stages, started: float) -> IterationState:
        scores = stages.scores
        metrics = self._memory.metrics
        criterion = self.spec.criterion
        metric = sum(metrics.values()) / len(metrics) if metrics else float("nan")
        if metrics:
            self._memory.history.append(metric)
        return IterationState(
            learner=self.spec.name,
            iteration=stages.iteration,
            started=started,
            finished=time.time(),
            metric=metric,
            model_metric=metrics,
            uncertainty=scores.uncertainty if scores else float("nan"),
            pool_uncertainty=scores.pool_uncertainty if scores else float("nan"),
            candidates=scores.candidates if scores else 0,
            selected=tuple(scores.indices.tolist()) if scores else (),
            selected_score=tuple(scores.scores.tolist()) if scores else (),
            state=stages.state(),
            should_stop=self.stop_reason is StopReason.CRITERION_MET,
            metric_name=criterion.metric if criterion else None,
            metric_threshold=criterion.threshold if criterion else None,
            metric_history=tuple(self._memory.history),
            learner_id=self.spec.learner_id,
            current_config=self.spec.config,
        )


def _is_certain(wanted: Uncertainty, uncertainty: float) -> bool:
    """Whether the chosen candidates are more certain than the threshold, in the metric's direction."""
    if wanted.threshold is None:
        return False
    if wanted.operator:
        return compare(uncertainty, wanted.operator, wanted.threshold)
    metric = UQ_REGISTRY.get(wanted.metric)
    if metric and metric.minimise:
        return uncertainty > wanted.threshold
    return uncertainty < wanted.threshold
