"""What trackers are told of a learner before it runs."""

from __future__ import annotations

from collections.abc import Mapping

from rose_mpi.learners.task_function import TaskFunction
from rose_mpi.trackers.manifest import CriterionManifest, PipelineManifest, TaskManifest


def manifest_of(
    learner_type: str,
    functions: Mapping[str, TaskFunction],
    parallel_count: int | None = None,
) -> PipelineManifest:
    """The tasks by their names, and the criterion."""
    return PipelineManifest(
        learner_type=learner_type,
        tasks={name: _task(function) for name, function in functions.items() if name != "criterion"},
        criterion=_criterion(functions.get("criterion")),
        parallel_count=parallel_count,
    )


def _task(function: TaskFunction) -> TaskManifest:
    return TaskManifest(
        func_name=function.name,
        func_module=function.function.__module__,
        as_executable=function.as_executable,
        decor_kwargs=function.decor_kwargs,
        log_params=function.log_params,
    )


def _criterion(function: TaskFunction | None) -> CriterionManifest | None:
    criterion = function.criterion if function else None
    if function is None or criterion is None:
        return None
    return CriterionManifest(
        func_name=function.name,
        func_module=function.function.__module__,
        as_executable=function.as_executable,
        decor_kwargs=function.decor_kwargs,
        log_params=function.log_params,
        metric_name=criterion.metric,
        threshold=criterion.threshold,
        operator=criterion.operator,
    )
