"""Active learning: simulate, train, choose the next samples, stop when good enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rose_mpi.learners.configs import LearnerConfig
from rose_mpi.learners.looping import LoopLearner
from rose_mpi.learners.spec import LearnerKind, LearnerSpec
from rose_mpi.learners.states import States

_STAGES: Final = ("simulation", "training", "active_learn", "criterion")


class SequentialActiveLearner(LoopLearner):
    """One learner: simulation → training → active_learn → criterion, again and again."""

    def start(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        initial_config: LearnerConfig | None = None,
    ) -> States:
        """Iterate over the learner's states, by ``async for`` or, outside of an event loop, by ``for``.

        Parameters
        ----------
        max_iter:
            Iterations at most; 0: until the criterion is met.
        skip_pre_loop:
            The first simulation and training were done before: the first iteration begins at active_learn.
        skip_simulation_step:
            Run no simulations at all.
        initial_config:
            Arguments of the tasks; :meth:`set_next_config` changes them.

        Raises
        ------
        UsageError
            If a task is missing or there is no way to stop.
        """
        return self._begin(
            [active_spec(self, "learner-0", max_iter, skip_pre_loop, skip_simulation_step, initial_config)]
        )

    def teach(
        self,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        learner_config: LearnerConfig | None = None,
    ) -> Any:
        """Run the learner to its end; returns its last state, in an event loop as a future."""
        states = self.start(max_iter, skip_pre_loop, skip_simulation_step, learner_config)

        async def last() -> Any:
            return (await self._last_states(states))[0]

        return self._complete(last(), "teach()")


class ParallelActiveLearner(LoopLearner):
    """Several learners with the same tasks side by side, each with arguments of its own."""

    def start(
        self,
        parallel_learners: int = 2,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        learner_configs: Sequence[LearnerConfig | None] | None = None,
    ) -> States:
        """Iterate over the states of all learners as they come; ``state.learner_id`` counts them from 0.

        Parameters
        ----------
        learner_configs:
            One for each learner; ``None``: the tasks as they are. The other parameters are those of
            :meth:`SequentialActiveLearner.start`.

        Raises
        ------
        UsageError
            If a task is missing, there is no way to stop, or the numbers do not fit.
        """
        configs = self._configs(parallel_learners, learner_configs)
        specs = [
            active_spec(
                self, f"learner-{number}", max_iter, skip_pre_loop, skip_simulation_step, config, number
            )
            for number, config in enumerate(configs)
        ]
        return self._begin(specs)

    def teach(
        self,
        parallel_learners: int = 2,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        skip_simulation_step: bool = False,
        learner_configs: Sequence[LearnerConfig | None] | None = None,
    ) -> Any:
        """Run all learners to their ends; returns their last states, in an event loop as a future."""
        states = self.start(parallel_learners, max_iter, skip_pre_loop, skip_simulation_step, learner_configs)
        return self._complete(self._last_states(states), "teach()")


def active_spec(
    learner: LoopLearner,
    name: str,
    max_iter: int,
    skip_pre_loop: bool,
    skip_simulation_step: bool,
    config: LearnerConfig | None,
    learner_id: int | str | None = None,
) -> LearnerSpec:
    """What one active learner runs.

    Raises
    ------
    UsageError
        As :meth:`SequentialActiveLearner.start`.
    """
    needed = ("training", "active_learn") if skip_simulation_step else ("simulation", "training")
    learner._need(*needed)
    stages = _STAGES[1:] if skip_simulation_step else _STAGES
    return learner._spec(name, LearnerKind.ACTIVE, stages, config, max_iter, skip_pre_loop, learner_id)
