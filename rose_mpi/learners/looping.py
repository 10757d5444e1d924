"""Learners of a Python program whose loop is ours: from decorated functions to running loops."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from rose_mpi.errors import UsageError
from rose_mpi.events import StopReason
from rose_mpi.iteration import IterationState
from rose_mpi.learners.configs import Entry, LearnerConfig, config_at
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.futures import running_loop
from rose_mpi.learners.learner import BaseLearner
from rose_mpi.learners.learner_run import LearnerRun
from rose_mpi.learners.loop import LearnerLoop
from rose_mpi.learners.names import checked_name
from rose_mpi.learners.spec import Ensemble, LearnerKind, LearnerSpec, OnFailure, Step, Uncertainty
from rose_mpi.learners.states import States, side_by_side
from rose_mpi.learners.task_function import TaskFunction
from rose_mpi.tasks import Function, Task

T = TypeVar("T")

_ORDER: Final = (StopReason.ERROR, StopReason.WALLTIME, StopReason.STOPPED, StopReason.MAX_ITER_REACHED)


@dataclass(frozen=True, slots=True)
class FunctionMaker:
    """Makes the task of a step by the user's function, with the arguments of the iteration."""

    function: TaskFunction
    entry: Entry

    async def make(
        self, iteration: int, results: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Task | Function:
        """The task for an iteration; see :class:`~rose_mpi.learners.spec.TaskMaker`."""
        config = config_at(self.entry, iteration)
        args = (config.args if config else ()) or self.function.args
        given = {**self.function.kwargs, **(config.kwargs if config else {}), **kwargs}
        return await self.function.work(args, given, results)


class LoopLearner(BaseLearner):
    """A learner that calls the decorated functions itself, iteration by iteration.

    Calling a decorated function before the start only sets the arguments that it is called with later.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._loops: list[LearnerLoop] = []
        self._running: list[LearnerLoop] = []
        self._runs: list[LearnerRun] = []
        self._stopped = False
        self._metrics: dict[str, dict[int, float]] = {}
        self._uncertainties: dict[str, dict[int, float]] = {}

    @property
    def is_stopped(self) -> bool:
        """Whether :meth:`stop` was called since the last start."""
        return self._stopped

    def stop(self) -> None:
        """End the running learners when their present tasks have ended; from any thread."""
        self._stopped = True
        for loop in self._running:
            loop.stop()

    def set_next_config(self, config: LearnerConfig) -> None:
        """Give the tasks other arguments from the next iteration on."""
        if not isinstance(config, LearnerConfig):
            raise UsageError(f"set_next_config needs a LearnerConfig, not {config!r}")
        for loop in self._running:
            steps = self._steps(list(loop.spec.steps), config, loop.spec.learner_id)
            loop.spec = replace(loop.spec, steps=steps, config=config)

    def get_metric_results(self) -> dict[Any, Any]:
        """The stop metric by iteration; for parallel learners by learner first."""
        return self._by_learner(self._metrics)

    def get_max_iterations(self) -> int | None:
        """Iterations at most; ``None`` without a limit."""
        return self._loops[0].spec.max_iterations if self._loops else None

    def _by_learner(self, values: dict[str, dict[int, float]]) -> dict[Any, Any]:
        named = {loop.spec.learner_id: values[loop.spec.name] for loop in self._loops}
        if list(named) == [None]:
            return dict(named[None])
        return {f"learner-{key}" if isinstance(key, int) else key: dict(of) for key, of in named.items()}

    def _called(self, function: TaskFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        for key, registered in self.functions.items():
            if registered.function is function.function:
                self.functions[key] = replace(registered, args=args, kwargs=kwargs)

    def _spec(
        self,
        name: str,
        kind: LearnerKind,
        stages: Sequence[str],
        config: LearnerConfig | None,
        max_iter: int,
        skip_pre_loop: bool,
        learner_id: int | str | None = None,
        uncertainty: Uncertainty | None = None,
        ensemble: Ensemble | None = None,
    ) -> LearnerSpec:
        if not isinstance(max_iter, int) or max_iter < 0:
            raise UsageError(f"max_iter must be a whole number from 0 on (0: no limit), not {max_iter!r}")
        spec = LearnerSpec(
            name=checked_name(name),
            kind=kind,
            steps=self._steps(stages, config, learner_id),
            seed=self.engine.seed,
            max_iterations=max_iter or self.engine.max_iterations,
            criterion=self.criterion,
            uncertainty=uncertainty,
            ensemble=ensemble or Ensemble(models=("",)),
            skip_pre_loop=skip_pre_loop,
            learner_id=learner_id,
            config=config,
        )
        threshold = uncertainty.threshold if uncertainty else None
        if spec.max_iterations is None and spec.criterion is None and threshold is None:
            raise UsageError(
                f"{type(self).__name__} has no way to stop: give max_iter, or decorate a function with "
                f"as_stop_criterion"
            )
        return spec

    def _steps(
        self, stages: Sequence[str], config: LearnerConfig | None, learner_id: int | str | None
    ) -> dict[str, Step]:
        if config is not None and not isinstance(config, LearnerConfig):
            raise UsageError(f"a learner's configuration must be a LearnerConfig or None, not {config!r}")
        functions = {stage: self._function(stage, learner_id) for stage in stages}
        return {
            stage: self._step(function, getattr(config, stage, None))
            for stage, function in functions.items()
            if function
        }

    def _function(self, stage: str, learner_id: int | str | None) -> TaskFunction | None:
        """What runs a stage of one of the learners; ``None`` where nothing does."""
        return self.functions.get(stage)

    def _step(self, function: TaskFunction, entry: Entry) -> Step:
        on_failure = OnFailure(function.on_failure or self.engine.on_failure)
        return Step(FunctionMaker(function, entry), function.count, on_failure=on_failure)

    def _need(self, *stages: str) -> None:
        for stage in stages:
            if stage not in self.functions:
                raise UsageError(
                    f"{type(self).__name__} has no {stage} task: decorate the function that says what it is "
                    f"with @learner.{stage}_task"
                )

    def _configs(
        self, parallel_learners: int, configs: Sequence[LearnerConfig | None] | None
    ) -> list[LearnerConfig | None]:
        """One configuration for each of the parallel learners."""
        if not isinstance(parallel_learners, int) or parallel_learners < 1:
            raise UsageError(f"parallel_learners must be a whole number from 1 on, not {parallel_learners!r}")
        each = list(configs or [None] * parallel_learners)
        if len(each) != parallel_learners:
            raise UsageError(
                f"learner_configs holds {len(each)} configurations for {parallel_learners} learners: give "
                f"one for each, None where the tasks shall be as they are"
            )
        return each

    def _begin(self, specs: Sequence[LearnerSpec]) -> States:
        """Learners that begin with the first step of an iteration over their states."""
        self._stopped = False
        self._state = None
        names = self.engine.unique_names([spec.name for spec in specs])
        specs = [replace(spec, name=name) for spec, name in zip(specs, names, strict=True)]
        self._loops = [LearnerLoop(spec, self.engine.executor, self._tell_state) for spec in specs]
        self._registry = self._loops[0].registry
        self._metrics |= {spec.name: {} for spec in specs}
        self._uncertainties |= {spec.name: {} for spec in specs}
        self._running += self._loops
        self._runs = []
        states = States(self._run(self._loops), [spec.name for spec in specs], self._wait)
        self._end_at_shutdown(weakref.ref(states))
        return states

    def _end_at_shutdown(self, states: weakref.ref[States]) -> None:
        """End learners that were left in the middle, unless they ended with the loop over their states."""

        async def end() -> None:
            if left := states():
                with suppress(RuntimeError):  # somebody waits for the next state even now
                    await left.aclose()

        self.engine.at_end(end)

    async def _run(self, loops: Sequence[LearnerLoop]) -> AsyncGenerator[IterationState, None]:
        """Run loops side by side, telling the trackers."""
        engine = self.engine
        runs = self._runs = [
            LearnerRun(loop, engine.executor, engine.observe, lambda: engine.stop_reason) for loop in loops
        ]
        try:
            groups = await engine.executor.open([loop.spec.name for loop in loops])
            together = side_by_side([run.states(groups[run.loop.spec.name]) for run in runs])
            async with aclosing(together) as states:
                async for state in states:
                    self._remember(state)
                    yield state
        finally:
            self._running = [loop for loop in self._running if loop not in loops]
            self._trackers.stop(self._state, _reason_of(runs))

    def _remember(self, state: IterationState) -> None:
        self._state = state
        if state.metric_value is not None:
            self._metrics[state.learner][state.iteration] = state.metric_value
        if state.uncertainty == state.uncertainty:
            self._uncertainties[state.learner][state.iteration] = state.uncertainty
        self._trackers.iteration(state)

    async def _last_states(self, states: States) -> list[IterationState | None]:
        """Run the learners to their ends; their last states, in their order."""
        last: dict[str, IterationState] = {}
        async for state in states:
            last[state.learner] = state
        return [last.get(name) for name in states.learners]

    def _complete(self, coroutine: Coroutine[Any, Any, T], what: str) -> Any:
        """A future in an event loop, else the outcome itself."""
        future = self.engine.start(coroutine, what)
        return future if running_loop() else future.result()

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.engine.start(coroutine, "the next iteration").result()


def _reason_of(runs: Sequence[LearnerRun]) -> str:
    """One reason for all: the worst."""
    reasons = {run.stop_reason or StopReason.STOPPED for run in runs}
    worst = next((reason for reason in _ORDER if reason in reasons), StopReason.CRITERION_MET)
    return worst.value
