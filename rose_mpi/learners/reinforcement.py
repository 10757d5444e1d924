"""Reinforcement learning: collect experience, update the policy, test it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rose_mpi.errors import UsageError
from rose_mpi.learners.configs import DEFAULT, Entry, LearnerConfig
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.learner import Decorator
from rose_mpi.learners.looping import LoopLearner
from rose_mpi.learners.spec import LearnerKind, LearnerSpec, Step
from rose_mpi.learners.states import States
from rose_mpi.nearest import suggested

_STAGES: Final = ("environment", "update", "criterion")


class ReinforcementLearner(LoopLearner):
    """What all reinforcement learners share."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._environments: dict[str, str] = {}

    def environment_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says how experience is collected."""
        return self._decorator("environment", function, options)

    def update_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says how the policy is updated."""
        return self._decorator("update", function, options)

    def _rl_spec(
        self,
        name: str,
        kind: LearnerKind,
        config: LearnerConfig | None,
        max_iter: int,
        skip_pre_loop: bool,
        skip_environment_step: bool = False,
        learner_id: int | None = None,
    ) -> LearnerSpec:
        self._need(*(("update",) if skip_environment_step else ("environment", "update")))
        stages = _STAGES[1:] if skip_environment_step else _STAGES
        return self._spec(name, kind, stages, config, max_iter, skip_pre_loop, learner_id)

    def _steps(
        self, stages: Sequence[str], config: LearnerConfig | None, learner_id: int | str | None
    ) -> dict[str, Step]:
        for name in _names_in(config):
            if name not in self._environments:
                raise UsageError(f"no environment is called {name!r}{suggested(name, self._environments)}")
        return super()._steps(stages, config, learner_id)


class SequentialReinforcementLearner(ReinforcementLearner):
    """One learner: environment → update → test, again and again."""

    def start(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_environment_step: bool = False,
        initial_config: LearnerConfig | None = None,
    ) -> States:
        """Iterate over the learner's states, by ``async for`` or, outside of an event loop, by ``for``.

        Parameters
        ----------
        max_iter:
            Iterations at most; 0: until the criterion is met.
        skip_pre_loop:
            The first iteration begins at the test.
        skip_environment_step:
            Run no environments: the experience is there already.
        initial_config:
            Arguments of the tasks; :meth:`set_next_config` changes them.

        Raises
        ------
        UsageError
            If a task is missing or there is no way to stop.
        """
        kind = LearnerKind.REINFORCEMENT
        return self._begin(
            [self._rl_spec("learner-0", kind, initial_config, max_iter, skip_pre_loop, skip_environment_step)]
        )

    def learn(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        learner_config: LearnerConfig | None = None,
    ) -> Any:
        """Run the learner to its end; returns its last state, in an event loop as a future."""
        return self._learned(self.start(max_iter, skip_pre_loop, skip_simulation_step, learner_config))

    def _learned(self, states: States) -> Any:
        async def last() -> Any:
            return (await self._last_states(states))[0]

        return self._complete(last(), "learn()")


class ParallelReinforcementLearner(ReinforcementLearner):
    """Several learners with the same tasks side by side, each with arguments of its own."""

    def start(
        self,
        parallel_learners: int = 2,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_environment_step: bool = False,
        learner_configs: Sequence[LearnerConfig | None] | None = None,
    ) -> States:
        """Iterate over the states of all learners as they come; ``state.learner_id`` counts them from 0.

        The parameters are those of :meth:`SequentialReinforcementLearner.start`, and a configuration for each
        learner.

        Raises
        ------
        UsageError
            If a task is missing, there is no way to stop, or the numbers do not fit.
        """
        configs = self._configs(parallel_learners, learner_configs)
        kind = LearnerKind.REINFORCEMENT
        specs = [
            self._rl_spec(
                f"learner-{number}", kind, config, max_iter, skip_pre_loop, skip_environment_step, number
            )
            for number, config in enumerate(configs)
        ]
        return self._begin(specs)

    def learn(
        self,
        parallel_learners: int = 2,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        learner_configs: Sequence[LearnerConfig | None] | None = None,
    ) -> Any:
        """Run all learners to their ends; returns their last states, in an event loop as a future."""
        states = self.start(parallel_learners, max_iter, skip_pre_loop, skip_simulation_step, learner_configs)
        return self._complete(self._last_states(states), "learn()")


class ParallelExperience(SequentialReinforcementLearner):
    """One learner that collects experience in several environments at once.

    The banks that they leave in the learner's folder (:meth:`rose_mpi.rl.ExperienceBank.save`) are merged
    into one, ``experience_bank.npz``, before each update.
    """

    def environment_task(
        self, function: Callable[..., Any] | None = None, *, name: str = "", **options: Any
    ) -> Decorator:
        """Decorate the function that says what one of the environments is; each has a name of its own."""
        if function is None:
            return lambda decorated: self._environment(decorated, name, options)
        return self._environment(function, name, options)

    def start(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_environment_step: bool = False,
        initial_config: LearnerConfig | None = None,
    ) -> States:
        """Iterate over the learner's states; see :meth:`SequentialReinforcementLearner.start`."""
        kind = LearnerKind.EXPERIENCE
        return self._begin(
            [self._rl_spec("learner-0", kind, initial_config, max_iter, skip_pre_loop, skip_environment_step)]
        )

    def learn(  # type: ignore[override]  # as ROSE has it: no simulations to skip
        self, max_iter: int = 0, skip_pre_loop: bool = False, learner_config: LearnerConfig | None = None
    ) -> Any:
        """Run the learner to its end; returns its last state, in an event loop as a future."""
        return self._learned(self.start(max_iter, skip_pre_loop, initial_config=learner_config))

    def _environment(
        self, function: Callable[..., Any], name: str, options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        name = name or function.__name__
        if name in self._environments:
            raise UsageError(f"there is an environment {name!r} already: give each a name of its own")
        key = self._environments[name] = f"environment.{name}" if self._environments else "environment"
        call = self._register(key, function, options)
        self.functions[key] = replace(self.functions[key], stage="environment")
        return call

    def _steps(
        self, stages: Sequence[str], config: LearnerConfig | None, learner_id: int | str | None
    ) -> dict[str, Step]:
        steps = super()._steps(stages, config, learner_id)
        environments = self._environments.items()
        if "environment" in steps:
            each = [self._step(self.functions[key], _entry(config, name)) for name, key in environments]
            if len({step.on_failure for step in each}) > 1:
                raise UsageError("all environments of a learner must have the same on_failure")
            works = [step.work for step in each for _ in range(step.count)]
            steps["environment"] = replace(each[0], work=works[0], count=1, beside=tuple(works[1:]))
        return steps


def _names_in(config: LearnerConfig | None) -> list[str]:
    """The environments that a configuration names."""
    entry = config.environment if config else None
    return (
        [key for key in entry if isinstance(key, str) and key != DEFAULT]
        if isinstance(entry, Mapping)
        else []
    )


def _entry(config: LearnerConfig | None, name: str) -> Entry:
    """The arguments of one environment: its own, or those of all."""
    entry = config.environment if config else None
    if isinstance(entry, Mapping) and _names_in(config):
        own: Entry = entry.get(name, entry.get(DEFAULT))
        return own
    return entry
