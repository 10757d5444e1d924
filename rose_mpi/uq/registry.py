"""The metrics by which candidates are scored: the built-in ones and the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from rose_mpi.errors import UsageError
from rose_mpi.metrics import (
    AVERAGE_KL,
    CRPS,
    EXPECTED_IMPROVEMENT,
    LEAST_CONFIDENCE,
    MARGIN,
    MUTUAL_INFORMATION,
    NEGATIVE_LOG_LIKELIHOOD,
    PREDICTIVE_ENTROPY,
    PREDICTIVE_INTERVAL_WIDTH,
    PREDICTIVE_STD,
    PREDICTIVE_VARIANCE,
    PROBABILITY_OF_IMPROVEMENT,
    THOMPSON,
    UPPER_CONFIDENCE_BOUND,
    VARIATION_RATIO,
    VOTE_ENTROPY,
)
from rose_mpi.nearest import suggested
from rose_mpi.uq.parameters import settled

CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"
TASK_TYPES: Final = (CLASSIFICATION, REGRESSION)

RANDOM: Final = "random"

CALIBRATION: Final = "calibration"
"""Stands among metrics for the report on calibration where kernels are made ready."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Metric:
    """How candidates are scored.

    Attributes
    ----------
    task_types:
        The kinds of predictions it takes, of :data:`TASK_TYPES`.
    minimise:
        Whether the smallest scores are the best to choose; else the largest are.
    needs_targets:
        Whether it compares predictions with the candidates' true values.
    function:
        The user's own ``function(scorer, predictions[, targets])``; ``None``: built in.
    whole_pool:
        Whether the function must see all candidates at once.
    parameters:
        Numbers that its formula takes, by name and in their order; NaN: the user must give it.
    """

    name: str
    task_types: tuple[str, ...]
    minimise: bool = False
    needs_targets: bool = False
    function: Callable[..., Any] | None = None
    whole_pool: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)


def _named(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


_IMPROVEMENT: Final = {"best": math.nan, "xi": 0.0, "maximise": 0.0}

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    _named(
        Metric(PREDICTIVE_ENTROPY, (CLASSIFICATION,)),
        Metric(MUTUAL_INFORMATION, (CLASSIFICATION,)),
        Metric(VARIATION_RATIO, (CLASSIFICATION,)),
        Metric(MARGIN, (CLASSIFICATION,), minimise=True),
        Metric(LEAST_CONFIDENCE, (CLASSIFICATION,)),
        Metric(VOTE_ENTROPY, (CLASSIFICATION,)),
        Metric(AVERAGE_KL, (CLASSIFICATION,)),
        Metric(PREDICTIVE_VARIANCE, (REGRESSION,)),
        Metric(PREDICTIVE_STD, (REGRESSION,)),
        Metric(PREDICTIVE_INTERVAL_WIDTH, (REGRESSION,)),
        Metric(NEGATIVE_LOG_LIKELIHOOD, TASK_TYPES, needs_targets=True),
        Metric(CRPS, (REGRESSION,), needs_targets=True),
        Metric(EXPECTED_IMPROVEMENT, (REGRESSION,), parameters=_IMPROVEMENT),
        Metric(PROBABILITY_OF_IMPROVEMENT, (REGRESSION,), parameters=_IMPROVEMENT),
        Metric(UPPER_CONFIDENCE_BOUND, (REGRESSION,), parameters={"kappa": 2.0, "maximise": 0.0}),
        Metric(THOMPSON, (REGRESSION,), parameters={"maximise": 0.0}),
        Metric(RANDOM, TASK_TYPES),
    )
)
"""The built-in metrics by name."""

UQ_REGISTRY: Final[dict[str, Metric]] = dict(METRICS)
"""All metrics by name: the built-in ones and those of :func:`register_uq`."""


def register_uq(
    name: str,
    *,
    task_types: tuple[str, ...] = TASK_TYPES,
    minimise: bool = False,
    needs_targets: bool = False,
    whole_pool: bool = False,
) -> Callable[[_Function], _Function]:
    """Make the decorated function a metric that configurations and scorers know by ``name``.

    The function is called as ``function(scorer, predictions)``, or with ``targets`` as a third argument
    if it needs them, and returns one score per candidate. ``scorer`` is a
    :class:`~rose_mpi.uq.scorer.UQScorer`; ``predictions`` are ``[members, candidates, classes]`` or
    ``[members, candidates]``. Under MPI each rank calls it on shards of the pool, of 256 candidates at
    most, so that a candidate's score must follow from that candidate's predictions alone. A metric that
    compares candidates says ``whole_pool=True``: one rank of the group then gets all predictions and calls it
    once, so that they must fit into that rank's memory.

    Raises
    ------
    UsageError
        If ``name`` is that of a built-in metric, or a task type is unknown.
    """
    if name in METRICS:
        raise UsageError(f"the metric {name!r} is built in; register yours under another name")
    unknown = [task_type for task_type in task_types if task_type not in TASK_TYPES]
    if unknown or not task_types:
        raise UsageError(f"task_types of metric {name!r} must be among {', '.join(TASK_TYPES)}")

    def register(function: _Function) -> _Function:
        UQ_REGISTRY[name] = Metric(name, tuple(task_types), minimise, needs_targets, function, whole_pool)
        return function

    return register


def adopt_metric(reference: str, function: Callable[..., Any]) -> None:
    """Make a user's function known by its reference ``"module:name"`` too.

    What it said of itself with :func:`register_uq` holds; without that, larger scores are more uncertain and
    any predictions will do.
    """
    registered = (metric for metric in UQ_REGISTRY.values() if metric.function is function)
    metric = next(registered, Metric(reference, TASK_TYPES, function=function))
    UQ_REGISTRY[reference] = replace(metric, name=reference)


def find_metric(name: str) -> Metric:
    """The metric called ``name``.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest one.
    """
    if name in UQ_REGISTRY:
        return UQ_REGISTRY[name]
    raise UsageError(f"no metric is called {name!r}{suggested(name, UQ_REGISTRY)}")


def metric_with(name: str, parameters: Mapping[str, float]) -> Metric:
    """The metric called ``name`` with these parameters and its defaults for the others.

    Raises
    ------
    UsageError
        If there is no such metric, or a parameter does not fit or is missing.
    """
    metric = find_metric(name)
    return replace(metric, parameters=settled(f"metric {name!r}", metric.parameters, parameters))
