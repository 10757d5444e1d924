"""Active learning by the uncertainty of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rose_mpi.errors import UsageError
from rose_mpi.learners.configs import LearnerConfig
from rose_mpi.learners.criteria import number
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.looping import LoopLearner
from rose_mpi.learners.names import checked_names
from rose_mpi.learners.spec import Ensemble, LearnerKind, LearnerSpec, Uncertainty
from rose_mpi.learners.states import States
from rose_mpi.metrics import OPERATORS
from rose_mpi.nearest import suggested
from rose_mpi.uq.batches import TOP, check_choice, find_batch
from rose_mpi.uq.registry import TASK_TYPES, find_metric

_STAGES: Final = ("simulation", "training", "prediction", "uncertainty", "active_learn", "criterion")


class UQLearner(LoopLearner):
    """What the sequential and the parallel learner share."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._uncertainty: Uncertainty | None = None

    def uncertainty_quantification(
        self,
        uq_metric_name: str,
        threshold: float | None = None,
        query_size: int | float = 10,
        operator: str = "",
        *,
        task_type: str | None = None,
        targets: str | None = None,
        pool: str = "fixed",
        parameters: Mapping[str, float | str] | None = None,
        batch: str = TOP,
        features: str | None = None,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Measure the ensemble's uncertainty by a metric, and query the most uncertain candidates.

        Called by itself, the metric is computed by the ranks that hold the predictions. As the decorator of a
        function, the function's task measures: it prints the uncertainty as ``metric_value``, and may choose
        by ``indices`` and ``scores``.

        Parameters
        ----------
        threshold:
            Stop when the selected candidates are more certain than this on average; ``None``: never.
        query_size:
            A number of candidates, or the fraction of the pool.
        operator:
            How the uncertainty compares with the threshold then; by default as the metric's direction says.
        task_type:
            ``"classification"`` or ``"regression"``, for metrics that are for both.
        targets:
            ``.npy`` with the true values, for metrics that need them; with them each iteration also tells
            how well the ensemble is calibrated.
        pool:
            ``"changing"`` if the tasks renumber the candidates, so that nothing is remembered as queried.
        parameters:
            Numbers that metric and batch take. ``best`` may be the name of a number that tasks return: it is
            the best of those known so far then, and by default it is that called ``best``.
        batch:
            How the chosen are put together: ``"top"``, ``"power"``, ``"diverse"``, ``"k_center"`` or
            ``"batch_bald"``.
        features:
            ``.npy`` with the candidates' features, for ``"diverse"`` and ``"k_center"``.

        Raises
        ------
        UsageError
            If a value does not fit.
        """
        if operator and operator not in OPERATORS:
            raise UsageError(f"operator {operator!r} is unknown: it must be one of {' '.join(OPERATORS)}")
        if pool not in ("fixed", "changing"):
            raise UsageError(f"pool must be 'fixed' or 'changing', not {pool!r}")
        self._uncertainty = Uncertainty(
            metric=str(uq_metric_name),
            task_type=task_type or "",
            query_size=_checked_size(query_size),
            threshold=None if threshold is None else number(threshold, "threshold of the uncertainty"),
            operator=operator,
            targets=None if targets is None else str(Path(targets).absolute()),
            changing_pool=pool == "changing",
            parameters=dict(parameters or {}),
            batch=batch,
            features=None if features is None else str(Path(features).absolute()),
        )
        return lambda function: self._register("uncertainty", function, options)

    def get_uncertainty_results(self) -> dict[Any, Any]:
        """The uncertainty by iteration; for parallel learners by learner first."""
        return self._by_learner(self._uncertainties)

    def _uq_spec(
        self,
        name: str,
        models: Sequence[str],
        num_predictions: int,
        config: LearnerConfig | None,
        max_iter: int,
        skip_pre_loop: bool,
        learner_id: str | None = None,
    ) -> LearnerSpec:
        self._need("training", "prediction")
        if not isinstance(num_predictions, int) or num_predictions < 1:
            raise UsageError(f"num_predictions must be a whole number from 1 on, not {num_predictions!r}")
        return self._spec(
            name,
            LearnerKind.UQ,
            _STAGES,
            config,
            max_iter,
            skip_pre_loop,
            learner_id,
            uncertainty=self._measured(skip_pre_loop),
            ensemble=Ensemble(tuple(checked_names(models, "model_names")), num_predictions),
        )

    def _measured(self, skip_pre_loop: bool) -> Uncertainty:
        wanted = self._uncertainty
        if wanted is None:
            raise UsageError(
                f"{type(self).__name__} measures no uncertainty: call "
                f"learner.uncertainty_quantification(uq_metric_name=…), or decorate a function with it"
            )
        if "uncertainty" in self.functions:
            return replace(wanted, query_size=wanted.query_size if wanted.query_size >= 1 else 0)
        if skip_pre_loop:
            raise UsageError(
                "skip_pre_loop skips the predictions, so that there is nothing to score: decorate a function "
                "with uncertainty_quantification that measures by itself"
            )
        return replace(wanted, task_type=self._task_type(wanted))

    def _task_type(self, wanted: Uncertainty) -> str:
        metric = find_metric(wanted.metric)
        check_choice(metric, wanted.batch, wanted.parameters)
        if find_batch(wanted.batch).needs_features and wanted.features is None:
            raise UsageError(f"batch {wanted.batch!r} goes by distances: give features, a .npy file")
        if metric.needs_targets and wanted.targets is None:
            raise UsageError(f"{wanted.metric!r} compares with true values: give targets, a .npy file")
        if wanted.task_type and wanted.task_type not in metric.task_types:
            raise UsageError(f"{wanted.metric!r} is for {' or '.join(metric.task_types)} predictions")
        if wanted.task_type or len(metric.task_types) == 1:
            return wanted.task_type or metric.task_types[0]
        raise UsageError(f"{wanted.metric!r} is for several kinds: give task_type, {' or '.join(TASK_TYPES)}")


class SeqUQLearner(UQLearner):
    """One learner with an ensemble of models."""

    def start(
        self,
        model_names: Sequence[str],
        num_predictions: int = 1,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        learning_config: LearnerConfig | None = None,
    ) -> States:
        """Iterate over the learner's states, by ``async for`` or, outside of an event loop, by ``for``.

        Parameters
        ----------
        model_names:
            The models of the ensemble; their tasks are given ``--model_name``.
        num_predictions:
            Predictions of each model; their tasks are given ``--iteration``, the number of the prediction.
        max_iter:
            Iterations at most; 0: until the criterion is met.
        skip_pre_loop:
            The first iteration begins at the scoring.
        learning_config:
            Arguments of the tasks.

        Raises
        ------
        UsageError
            If a task is missing, there is no way to stop, or a value does not fit.
        """
        spec = self._uq_spec(
            "learner-0", model_names, num_predictions, learning_config, max_iter, skip_pre_loop
        )
        return self._begin([spec])

    def teach(
        self,
        model_names: Sequence[str],
        num_predictions: int = 1,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        learning_config: LearnerConfig | None = None,
    ) -> Any:
        """Run the learner to its end; returns its last state, in an event loop as a future."""
        states = self.start(model_names, num_predictions, max_iter, skip_pre_loop, learning_config)

        async def last() -> Any:
            return (await self._last_states(states))[0]

        return self._complete(last(), "teach()")


class ParallelUQLearner(UQLearner):
    """Several learners with names, each with an ensemble of its own."""

    def start(
        self,
        learner_names: Sequence[str],
        model_names: Sequence[str],
        num_predictions: int = 1,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        learner_configs: Mapping[str, LearnerConfig | None] | None = None,
    ) -> States:
        """Iterate over the states of all learners as they come; ``state.learner_id`` is the learner's name.

        Parameters
        ----------
        learner_configs:
            By name, for those learners that have one. The other parameters are those of
            :meth:`SeqUQLearner.start`.

        Raises
        ------
        UsageError
            If a task is missing, there is no way to stop, or a value does not fit.
        """
        names = checked_names(learner_names, "learner_names")
        configs = learner_configs or {}
        if not isinstance(configs, Mapping):
            raise UsageError(f"learner_configs must be a dictionary by learner, not {configs!r}")
        for name in configs:
            if name not in names:
                raise UsageError(f"no learner is called {name!r}{suggested(name, names)}")
        specs = [
            self._uq_spec(
                name, model_names, num_predictions, configs.get(name), max_iter, skip_pre_loop, name
            )
            for name in names
        ]
        return self._begin(specs)

    def teach(
        self,
        learner_names: Sequence[str],
        model_names: Sequence[str],
        num_predictions: int = 1,
        max_iter: int = 0,
        skip_pre_loop: bool = False,
        learner_configs: Mapping[str, LearnerConfig | None] | None = None,
    ) -> Any:
        """Run all learners to their ends; returns their last states by name, as JSON values.

        In an event loop it gives a future.
        """
        names = checked_names(learner_names, "learner_names")
        states = self.start(names, model_names, num_predictions, max_iter, skip_pre_loop, learner_configs)

        async def results() -> dict[str, Any]:
            last = await self._last_states(states)
            return {name: state.to_dict() if state else None for name, state in zip(names, last, strict=True)}

        return self._complete(results(), "teach()")


def _checked_size(query_size: Any) -> int | float:
    """A number of candidates as an ``int``, or a fraction of the pool as a ``float``."""
    size = number(query_size, "query_size")
    if not (0 < size < 1 or (size >= 1 and size.is_integer())) or isinstance(query_size, bool):
        raise UsageError(f"query_size must be a whole number or a fraction below 1, not {query_size!r}")
    return size if size < 1 else int(size)
