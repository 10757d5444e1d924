"""Active learning by several algorithms side by side, to find the best of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any

from rose_mpi.errors import UsageError
from rose_mpi.events import StopReason
from rose_mpi.iteration import IterationState
from rose_mpi.learners.active import active_spec
from rose_mpi.learners.configs import LearnerConfig
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.learner import Decorator
from rose_mpi.learners.learner_run import LearnerRun
from rose_mpi.learners.loop import LearnerLoop
from rose_mpi.learners.looping import LoopLearner
from rose_mpi.learners.stages import AbortError
from rose_mpi.learners.states import States
from rose_mpi.learners.task_function import TaskFunction
from rose_mpi.nearest import suggested
from rose_mpi.ranking import Standing, ranked_by_metric


class AlgorithmSelector(LoopLearner):
    """Runs one active learner for each algorithm, with the same other tasks, and tells which did best.

    An algorithm's failure leaves the others alone.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._algorithms: list[str] = []
        self._last: dict[str, IterationState] = {}
        self._labels: Counter[str] = Counter()

    def active_learn_task(
        self, function: Callable[..., Any] | None = None, *, name: str = "", **options: Any
    ) -> Decorator:
        """Decorate the function that says how one of the algorithms chooses; each has a name of its own."""
        if function is None:
            return lambda decorated: self._algorithm(decorated, name, options)
        return self._algorithm(function, name, options)

    def start(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        algorithm_configs: Mapping[str, LearnerConfig | None] | None = None,
    ) -> States:
        """Iterate over the states of all algorithms as they come; ``state.learner_id`` names the algorithm.

        Parameters
        ----------
        max_iter:
            Iterations of each algorithm at most; 0: until the criterion is met.
        skip_pre_loop:
            The first simulation and training were done before: the first iteration begins at active_learn.
        algorithm_configs:
            Arguments of the tasks, by algorithm, for those that have any.

        Raises
        ------
        UsageError
            If a task is missing, there is no way to stop, or a name is unknown.
        """
        if not self._algorithms:
            raise UsageError(
                "AlgorithmSelector has no algorithm: decorate the functions that choose with "
                "@selector.active_learn_task(name=…)"
            )
        configs = self._configs_by_name(algorithm_configs)
        specs = [
            active_spec(self, name, max_iter, skip_pre_loop, False, configs.get(name), name)
            for name in self._algorithms
        ]
        return self._begin(specs)

    def teach_and_select(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        algorithm_configs: Mapping[str, LearnerConfig | None] | None = None,
    ) -> Any:
        """Run all algorithms to their ends; in an event loop it gives a future.

        Returns
        -------
        dict
            ``algorithm_results``, ``best_algorithm`` and ``best_stats``; see the properties.

        Raises
        ------
        UsageError
            As :meth:`start`.
        TaskError
            If all algorithms failed: the first failure.
        """
        states = self.start(max_iter, skip_pre_loop, algorithm_configs)

        async def select() -> dict[str, Any]:
            async for _ in states:
                pass
            name, stats = self.get_best_algorithm()
            return {"algorithm_results": self.algorithm_results, "best_algorithm": name, "best_stats": stats}

        return self._complete(select(), "teach_and_select()")

    @property
    def algorithm_results(self) -> dict[str, dict[str, Any]]:
        """By algorithm: ``iterations``, ``last_result``, ``labels`` if it named any, ``error`` if it failed.

        ``last_result`` is the last value of the stop metric, ``None`` where there is none; ``labels`` is how
        many candidates the algorithm chose in all.
        """
        return {str(run.loop.spec.learner_id): self._stats(run) for run in self._runs}

    @property
    def best_pipeline_name(self) -> str | None:
        """The best algorithm that did not fail; see :func:`rose_mpi.ranking.ranked_by_metric`."""
        rows = [self._standing(run) for run in self._runs if run.failure is None]
        best = next(iter(ranked_by_metric(row for row in rows if row.iterations)), None)
        return best.learner if best else None

    @property
    def best_pipeline_stats(self) -> dict[str, Any] | None:
        """What the best algorithm came to."""
        name = self.best_pipeline_name
        return None if name is None else self.algorithm_results[name]

    def get_best_algorithm(self) -> tuple[str | None, dict[str, Any] | None]:
        """The best algorithm and what it came to; ``None`` for both where there is none yet."""
        return self.best_pipeline_name, self.best_pipeline_stats

    def _algorithm(
        self, function: Callable[..., Any], name: str, options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        name = name or getattr(function, "__name__", "")
        if name in self._algorithms:
            raise UsageError(f"there is an algorithm {name!r} already: give each a name of its own")
        key = _key(name)
        call = self._register(key, function, options)
        self.functions[key] = replace(self.functions[key], stage="active_learn")
        self._algorithms.append(name)
        return call

    def _function(self, stage: str, learner_id: int | str | None) -> TaskFunction | None:
        return self.functions.get(_key(learner_id) if stage == "active_learn" else stage)

    def _configs_by_name(
        self, configs: Mapping[str, LearnerConfig | None] | None
    ) -> Mapping[str, LearnerConfig | None]:
        if configs is not None and not isinstance(configs, Mapping):
            raise UsageError(f"algorithm_configs must be a dictionary by algorithm, not {configs!r}")
        for name in configs or {}:
            if name not in self._algorithms:
                raise UsageError(f"no algorithm is called {name!r}{suggested(name, self._algorithms)}")
        return configs or {}

    async def _run(self, loops: Sequence[LearnerLoop]) -> AsyncGenerator[IterationState, None]:
        states = super()._run(loops)
        try:
            async for state in states:
                self._last[state.learner] = state
                self._labels[state.learner] += _labels(state)
                yield state
        except Exception as failure:
            if isinstance(failure, AbortError) or self.best_pipeline_name is None:
                raise
        finally:
            await states.aclose()

    def _stats(self, run: LearnerRun) -> dict[str, Any]:
        last = self._last.get(run.loop.spec.name)
        stats: dict[str, Any] = {
            "iterations": last.iteration + 1 if last else 0,
            "last_result": last.metric_value if last else None,
        }
        if labels := self._labels[run.loop.spec.name]:
            stats["labels"] = labels
        if run.failure is not None:
            stats["error"] = str(run.failure)
        return stats

    def _standing(self, run: LearnerRun) -> Standing:
        stats, criterion = self._stats(run), run.loop.spec.criterion
        return Standing(
            learner=str(run.loop.spec.learner_id),
            met=run.stop_reason is StopReason.CRITERION_MET,
            iterations=stats["iterations"],
            queried=stats.get("labels", 0),
            metric_name=criterion.metric if criterion else "",
            metric=math.nan if stats["last_result"] is None else stats["last_result"],
            operator=criterion.operator if criterion else "",
            threshold=criterion.threshold if criterion else math.nan,
        )


def _key(name: object) -> str:
    """Where an algorithm stands among the functions."""
    return f"active_learn.{name}"


def _labels(state: IterationState) -> int:
    """How many candidates were chosen: what the task returned as ``indices``."""
    indices = state.get("indices")
    return len(indices) if isinstance(indices, Sized) and not isinstance(indices, str) else 0
