"""What a learner is made of, as the configuration or a Python program states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from rose_mpi.schedules import Schedule
from rose_mpi.tasks import Function, Task
from rose_mpi.uq.batches import TOP
from rose_mpi.uq.registry import CALIBRATION


class LearnerKind(StrEnum):
    """What one iteration consists of."""

    ACTIVE = "active"
    UQ = "uq"
    REINFORCEMENT = "reinforcement"
    EXPERIENCE = "experience"
    CUSTOM = "custom"


class OnFailure(StrEnum):
    """What a task's failure does after its retries."""

    STOP_LEARNER = "stop_learner"
    SKIP = "skip"
    ABORT = "abort"


COUNTED: Final = ("simulation", "training", "active_learn", "environment")
"""Steps of which several tasks may run in one iteration."""

MAY_SKIP: Final = ("simulation", "environment", "prediction")
"""Steps that go on without the tasks that failed, if they are told to."""


class TaskMaker(Protocol):
    """Makes the task of a step anew each time, as the user's own Python may do."""

    async def make(
        self, iteration: int, results: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Task | Function:
        """The task for an iteration.

        Parameters
        ----------
        results:
            Values of the tasks that this one follows.
        kwargs:
            Keyword arguments beyond those that the maker knows of.
        """
        ...


Work = Task | Function | TaskMaker


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of task in a learner's iteration.

    Attributes
    ----------
    work:
        The command as configured, its placeholders unexpanded, the function, or what makes them.
    count:
        Tasks of this kind that run in parallel in one iteration.
    beside:
        Other tasks that run in parallel with these; their indices follow.
    schedules:
        Keyword arguments by iteration; later ones win.
    """

    work: Work
    count: int = 1
    beside: tuple[Work, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    on_failure: OnFailure = OnFailure.STOP_LEARNER


@dataclass(frozen=True, slots=True)
class Criterion:
    """Stop when ``metric operator threshold`` holds."""

    metric: str
    threshold: float
    operator: str


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How candidates are scored and chosen.

    Attributes
    ----------
    query_size:
        A number of candidates, or the fraction of the pool (0 < f < 1). Of those that the user's own
        ``uncertainty`` task names so many are taken at most; 0 takes all.
    threshold:
        Stop when the selected candidates are more certain than this on average; ``None``: never.
    operator:
        How the uncertainty compares with the threshold then; empty: as the metric's direction says.
    targets:
        Path of a ``.npy`` with the candidates' true values; with them each iteration's state tells how well
        the ensemble is calibrated.
    changing_pool:
        Rows of the predictions are renumbered by the user's tasks, so nothing is remembered as queried.
    parameters:
        What metric and batch take. ``best`` may be the name of a number that tasks return: it is the best of
        those known so far then, and by default it is that called ``best``.
    batch:
        How the chosen candidates are put together.
    features:
        Path of a ``.npy`` with the candidates' features, for the batches that need them.
    """

    metric: str
    task_type: str
    query_size: int | float
    threshold: float | None = None
    operator: str = ""
    targets: str | None = None
    changing_pool: bool = False
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    batch: str = TOP
    features: str | None = None

    @property
    def kernels(self) -> tuple[str, ...]:
        """By name what kernels will be needed for."""
        return (self.metric, self.batch, *((CALIBRATION,) if self.targets else ()))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The models that are trained, and how often each predicts."""

    models: tuple[str, ...]
    predictions: int = 1


@dataclass(frozen=True, slots=True)
class LearnerSpec:
    """One learner.

    Attributes
    ----------
    steps:
        By name: ``simulation``, ``training``, ``prediction``, ``uncertainty``, ``active_learn``,
        ``criterion``, ``environment``, ``update``. With a step ``uncertainty`` the user's own task scores the
        predictions.
    max_iterations:
        Iterations at most; ``None`` means until a criterion is met.
    seed:
        Seed of the run; every task derives its own from it.
    skip_pre_loop:
        What the first iteration begins with was done before: it starts at ``active_learn``, the scoring or
        the test.
    learner_id:
        Number or name among learners that run in parallel.
    config:
        What the steps were made from, for those who look at the learner's state.
    """

    name: str
    kind: LearnerKind
    steps: Mapping[str, Step]
    seed: int
    max_iterations: int | None = None
    criterion: Criterion | None = None
    uncertainty: Uncertainty | None = None
    ensemble: Ensemble = field(default_factory=lambda: Ensemble(models=("",)))
    skip_pre_loop: bool = False
    learner_id: int | str | None = None
    config: Any = None
