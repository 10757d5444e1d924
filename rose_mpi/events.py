"""What happens in a run, as the display, the store and the trackers learn of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rose_mpi.iteration import IterationState
from rose_mpi.tasks import TaskId, TaskResult


class StopReason(StrEnum):
    """Why a learner stopped."""

    CRITERION_MET = "criterion_met"
    MAX_ITER_REACHED = "max_iter_reached"
    STOPPED = "stopped"
    WALLTIME = "walltime"
    ERROR = "error"


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began, or goes on after an interruption; ``started`` is its first beginning then."""

    run: str
    started: float
    seed: int
    ranks: int
    hosts: tuple[str, ...]
    config: str


@dataclass(frozen=True, slots=True)
class LearnerStarted:
    """A learner began, or goes on after an interruption.

    ``group`` holds the world ranks of its communicator subgroup, leader first.
    """

    learner: str
    kind: str
    group: tuple[int, ...]
    models: tuple[str, ...]
    metric_name: str
    threshold: float
    operator: str
    max_iterations: int


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """Other ranks serve a learner that runs; it may be told before :class:`LearnerStarted` is."""

    learner: str
    group: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RankLost:
    """A rank is gone, and the others go on if the MPI library can."""

    rank: int
    host: str
    reason: str
    time: float


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """One attempt of a task ended."""

    result: TaskResult


@dataclass(frozen=True, slots=True)
class TasksRepeated:
    """Tasks begin anew after an interruption: what was told of their attempts before counts no more."""

    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True)
class EnsembleScored:
    """The engine scored the ensemble of a learner; the fields are those of the iteration's state.

    ``calibration`` are numbers that become part of that state.
    """

    learner: str
    iteration: int
    selected: tuple[int, ...]
    selected_score: tuple[float, ...]
    uncertainty: float
    pool_uncertainty: float
    candidates: int
    calibration: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IterationFinished:
    """A learner ended an iteration."""

    state: IterationState


@dataclass(frozen=True, slots=True)
class LearnerFinished:
    """A learner stopped; ``error`` says why if it failed."""

    learner: str
    stop_reason: StopReason
    finished: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ended."""

    status: RunStatus
    finished: float


Event = (
    RunStarted
    | LearnerStarted
    | GroupChanged
    | RankLost
    | TaskFinished
    | TasksRepeated
    | EnsembleScored
    | IterationFinished
    | LearnerFinished
    | RunFinished
)
Observer = Callable[[Event], None]
