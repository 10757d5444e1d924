"""What a learner is made of, as its trackers are told before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskManifest:
    """One task of a learner.

    Attributes
    ----------
    func_name, func_module:
        The decorated function.
    as_executable:
        Whether it gives a command to run; else it is run itself.
    decor_kwargs:
        What else its decorator was given, such as ``ranks``.
    log_params:
        What the user wants trackers to write down of it.
    """

    func_name: str
    func_module: str
    as_executable: bool
    decor_kwargs: Mapping[str, Any] = field(default_factory=dict)
    log_params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CriterionManifest(TaskManifest):
    """The task that gives the stop metric, and when the learner stops by it."""

    metric_name: str = ""
    threshold: float = 0.0
    operator: str = ""


@dataclass(frozen=True, slots=True)
class PipelineManifest:
    """A learner's tasks by name, its criterion and its parallel learners.

    Attributes
    ----------
    learner_type:
        Name of the learner's class.
    criterion:
        ``None`` without one.
    parallel_count:
        Number of learners that run side by side; ``None`` for a sequential learner.
    """

    learner_type: str
    tasks: Mapping[str, TaskManifest] = field(default_factory=dict)
    criterion: CriterionManifest | None = None
    parallel_count: int | None = None
