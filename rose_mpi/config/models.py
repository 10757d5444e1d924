"""The tables of a configuration and the keys of each.

Keys without a value are ``None``; :mod:`rose_mpi.config.layers` lays a learner's own tables over the
defaults.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rose_mpi.config.values import (
    Arguments,
    Count,
    Delay,
    Environment,
    Expressions,
    Finite,
    Gpus,
    Iterations,
    Launcher,
    Modules,
    Name,
    Names,
    Parameters,
    Positive,
    QuerySize,
    RanksPerLearner,
    RankTimeout,
    Reference,
    Repeat,
    Retries,
    Seconds,
    Seed,
    Text,
)
from rose_mpi.plan import RANK_TIMEOUT
from rose_mpi.policy import DEFAULT


class Table(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TaskTable(Table):
    """``[tasks.NAME]``: a command or a function, and how it runs."""

    command: Text | None = None
    function: Reference | None = None
    timeout: Seconds | None = None
    retries: Retries | None = None
    ranks: Count | None = None
    cores_per_rank: Positive | None = None
    gpus_per_rank: Gpus | None = None
    environment: Environment | None = None
    shell: bool | None = None
    isolated: bool | None = None
    cwd: Text | None = None
    on_failure: Literal["stop_learner", "skip", "abort"] | None = None
    kwargs: Arguments | None = None
    schedule: Iterations | None = None
    adaptive: Expressions | None = None


class CountedTaskTable(TaskTable):
    """A task of which several may run in one iteration."""

    count: Count | None = None


class TasksTable(Table):
    """``[tasks]``."""

    simulation: CountedTaskTable | None = None
    training: CountedTaskTable | None = None
    prediction: TaskTable | None = None
    uncertainty: TaskTable | None = None
    active_learn: CountedTaskTable | None = None
    environment: CountedTaskTable | None = None
    update: TaskTable | None = None
    criterion: TaskTable | None = None


class CriterionTable(Table):
    """``[criterion]``."""

    metric: Text | None = None
    threshold: Finite | None = None
    operator: Text | None = None


class LearnerCriterionTable(CriterionTable, TaskTable):
    """A learner's ``criterion``: the keys of ``[criterion]`` and of ``[tasks.criterion]``."""


class UncertaintyTable(Table):
    """``[uncertainty]``."""

    metric: Text | None = None
    task_type: Literal["classification", "regression"] | None = None
    query_size: QuerySize | None = None
    threshold: Finite | None = None
    targets: Text | None = None
    pool: Literal["fixed", "changing"] | None = None
    batch: Literal["top", "power", "diverse", "k_center", "batch_bald"] | None = None
    features: Text | None = None
    parameters: Parameters | None = None


class LearnerUncertaintyTable(UncertaintyTable, TaskTable):
    """A learner's ``uncertainty``: the keys of ``[uncertainty]`` and of ``[tasks.uncertainty]``."""


class EnsembleTable(Table):
    """``[ensemble]``."""

    models: Names | None = None
    predictions: Count | None = None


class LearnerTable(Table):
    """``[[learners]]``: what one learner, or ``repeat`` equal ones, do otherwise than the defaults."""

    name: Name | None = None
    kind: Literal["active", "uq", "reinforcement", "experience"] | None = None
    repeat: Repeat | None = None
    max_iterations: Positive | None = None
    simulation: CountedTaskTable | None = None
    training: CountedTaskTable | None = None
    prediction: TaskTable | None = None
    active_learn: CountedTaskTable | None = None
    environment: CountedTaskTable | None = None
    update: TaskTable | None = None
    criterion: LearnerCriterionTable | None = None
    uncertainty: LearnerUncertaintyTable | None = None
    ensemble: EnsembleTable | None = None


class RunTable(Table):
    """``[run]``."""

    name: Name | None = None
    seed: Seed = 0
    max_iterations: Positive | None = None
    output: Text = "results.h5"
    walltime: Seconds | None = None
    walltime_margin: Seconds | None = None
    on_failure: Literal["stop_learner", "abort"] = "stop_learner"
    max_failures: Positive | None = None
    max_failures_per_learner: Positive | None = None
    environment: Environment = Field(default_factory=dict)

    @model_validator(mode="after")
    def _margin_leaves_time(self) -> RunTable:
        if self.walltime_margin is None:
            return self
        if self.walltime is None:
            raise ValueError("walltime_margin has no effect without walltime")
        if self.walltime_margin >= self.walltime:
            raise ValueError("walltime_margin must be shorter than walltime")
        return self

    @property
    def stops_after(self) -> float | None:
        """Seconds after which the run stops by itself, early enough to end in order; ``None``: never."""
        if self.walltime is None:
            return None
        margin = self.walltime_margin
        return self.walltime - (min(60.0, 0.05 * self.walltime) if margin is None else margin)


class EngineTable(Table):
    """``[engine]``."""

    ranks_per_learner: RanksPerLearner = None
    coordinator: Literal["auto", "dedicated"] = "auto"
    tasks_per_rank: Count = 1
    order: Literal["fair", "arrival"] = "fair"
    retry_delay: Delay = DEFAULT.retry_delay
    launcher: Launcher | None = None
    rank_timeout: RankTimeout = RANK_TIMEOUT
    warm_python: bool = False
    preload: Modules = Field(default_factory=list)

    @model_validator(mode="after")
    def _preload_is_of_use(self) -> EngineTable:
        if self.preload and not self.warm_python:
            raise ValueError("preload has no effect without warm_python = true")
        return self

    @property
    def preloaded(self) -> tuple[str, ...] | None:
        """Modules for a Python that is kept ready; ``None``: none is."""
        return tuple(self.preload) if self.warm_python else None


class ConfigTable(Table):
    """The whole file."""

    config_version: Literal[1] = 1
    run: RunTable = Field(default_factory=RunTable)
    engine: EngineTable = Field(default_factory=EngineTable)
    tasks: TasksTable = Field(default_factory=TasksTable)
    criterion: CriterionTable = Field(default_factory=CriterionTable)
    uncertainty: UncertaintyTable = Field(default_factory=UncertaintyTable)
    ensemble: EnsembleTable = Field(default_factory=EnsembleTable)
    learners: list[LearnerTable] = Field(default_factory=list)
