"""What trackers write down of a learner: parameters once, and numbers of each iteration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any, Final

from rose_mpi.iteration import IterationState
from rose_mpi.trackers.manifest import PipelineManifest

CONFIGURED: Final = (
    "simulation",
    "training",
    "prediction",
    "active_learn",
    "environment",
    "update",
    "criterion",
    "uncertainty",
)
"""The tasks that a learner's configuration can name."""


def parameters(manifest: PipelineManifest, separator: str) -> dict[str, Any]:
    """A learner's parameters by name; those of its tasks are ``task<separator>training<separator>…``."""
    named: dict[str, Any] = {"learner_type": manifest.learner_type}
    if manifest.parallel_count is not None:
        named["parallel_learners"] = manifest.parallel_count
    if manifest.criterion is not None:
        named["criterion/metric_name"] = manifest.criterion.metric_name
        named["criterion/threshold"] = manifest.criterion.threshold
        named["criterion/operator"] = manifest.criterion.operator
    for task, described in manifest.tasks.items():
        for key, value in {"as_executable": described.as_executable, **described.log_params}.items():
            named[separator.join(("task", task, str(key)))] = value
    return named


def configuration(state: IterationState) -> dict[str, dict[str, Any]]:
    """The arguments that the iteration's configuration gave to each task; none without one."""
    if state.current_config is None:
        return {}
    configs = {task: state.current_config.get_task_config(task, state.iteration) for task in CONFIGURED}
    return {task: dict(config.kwargs) for task, config in configs.items() if config is not None}


def scalars(state: IterationState) -> dict[str, float]:
    """The iteration's finite numbers by name; the stop metric has the criterion's own name.

    A task's argument ``--learning_rate`` is ``config/training/learning_rate``, and a model's stop metric
    ``model/<model>/accuracy``.
    """
    return dict(_finite(state))


def prefix(state: IterationState) -> str:
    """What the names of a parallel learner's numbers begin with."""
    return "" if state.learner_id is None else f"{state.learner_id}/"


def number(value: Any) -> float | None:
    """A finite number (NumPy's too), or ``None`` if the value is none."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, Real):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def _finite(state: IterationState) -> Iterator[tuple[str, float]]:
    for name, value in _named(state):
        if (result := number(value)) is not None:
            yield name, result


def _named(state: IterationState) -> Iterator[tuple[str, Any]]:
    for task, arguments in configuration(state).items():
        for key, value in arguments.items():
            yield f"config/{task}/{key.lstrip('-')}", _argument(value)
    yield from state.state.items()
    yield "uncertainty", state.uncertainty
    yield "pool_uncertainty", state.pool_uncertainty
    metric = state.metric_name or "metric"
    for model, value in state.model_metric.items():
        if model:
            yield f"model/{model}/{metric}", value
    yield metric, state.metric_value


def _argument(value: Any) -> Any:
    """A number that an argument gives as text."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return None
