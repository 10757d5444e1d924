"""What ranks say to each other."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rose_mpi.execution.launcher import Place
from rose_mpi.execution.share import Share
from rose_mpi.layout import Layout
from rose_mpi.mpi.loan_messages import LoanMessage
from rose_mpi.mpi.loss_messages import Alive, Census, EndRank, LossMessage, Regroup
from rose_mpi.mpi.wide_messages import WideMessage
from rose_mpi.policy import DEFAULT, Policy
from rose_mpi.tasks import TaskCall, TaskId, TaskResult
from rose_mpi.uq.scores import Member, ScoreRequest, Scores


@dataclass(frozen=True, slots=True)
class Settings:
    """What all ranks must know of a run.

    Attributes
    ----------
    environment:
        Variables for all tasks.
    metrics:
        Uncertainty metrics whose kernels will be needed.
    preload:
        Modules for a Python that each rank keeps ready for scripts; ``None``: none is.
    launcher:
        Words that start a command of several ranks; empty: found.
    policy:
        What the tasks are subject to.
    resumed:
        Whether the run goes on where it was interrupted.
    """

    run: str
    root: str
    layout: Layout
    environment: dict[str, str]
    tasks_per_rank: int
    metrics: tuple[str, ...]
    preload: tuple[str, ...] | None = None
    launcher: str = ""
    policy: Policy = DEFAULT
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Hello:
    """A rank is there, in this process. To the coordinator."""

    host: str
    share: Share
    pid: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """The run begins. To every rank, with what its tasks may use and how many cores it can count on.

    Attributes
    ----------
    neighbours:
        The ranks of its host.
    """

    settings: Settings
    share: Share
    threads: int
    neighbours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TakeRanks:
    """These ranks are yours from now on. To a leader, from the one that had them."""

    ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RanksTaken:
    """So many ranks came to me from ``owner``. To the coordinator."""

    owner: int
    ranks: int


@dataclass(frozen=True, slots=True)
class ReleaseRanks:
    """These ranks shall belong to the leader ``to``: give it each as soon as you can. To their leader."""

    ranks: tuple[int, ...]
    to: int


class RunStage(msgspec.Struct, frozen=True):
    """Tasks for a group. To its leader."""

    calls: tuple[TaskCall, ...]


@dataclass(frozen=True, slots=True)
class CancelTasks:
    """Tasks that are no longer wanted. To the leader that has them."""

    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True)
class CloseLearner:
    """A learner is over, and all its stages with it. To its leader."""

    learner: str


class TaskReport(msgspec.Struct, frozen=True):
    """Attempts ended, for good if ``final``; the job is to end if they are ``stuck``. To the coordinator."""

    results: tuple[TaskResult, ...]
    final: bool
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class TaskDropped:
    """A cancelled task had not begun. To the coordinator."""

    task: TaskId


class RunTask(msgspec.Struct, frozen=True):
    """Run an attempt of a task; a command with ``places`` runs in these. To a worker.

    A program that ``waits`` begins when others of the rank have ended.
    """

    call: TaskCall
    attempt: int
    queued: float
    keep: bool
    places: tuple[Place, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class KillTask:
    """End an attempt and all its processes. To a worker."""

    task: TaskId
    attempt: int


@dataclass(frozen=True, slots=True)
class DropArrays:
    """Nobody will score the arrays with these keys. To the worker that keeps them."""

    keys: tuple[str, ...]


class TaskEnded(msgspec.Struct, frozen=True):
    """Attempts ended. To the leader that asked for them."""

    results: tuple[TaskResult, ...]


@dataclass(frozen=True, slots=True)
class TasksReturned:
    """These tasks waited longer than expected and have not begun. To the leader that gave them."""

    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True)
class ScoreEnsemble:
    """Score an ensemble. To the leader of the learner's group."""

    number: int
    request: ScoreRequest


@dataclass(frozen=True, slots=True)
class PrepareScore:
    """Open these predictions (position in the ensemble, member) and say whether they fit.

    To each of the ``ranks`` that score the ensemble together.
    """

    number: int
    request: ScoreRequest
    ranks: tuple[int, ...]
    mine: tuple[tuple[int, Member], ...]
    epoch: int


@dataclass(frozen=True, slots=True)
class ScoreReady:
    """My predictions are open, with these shapes by position (or why not), and I wait. To the leader."""

    number: int
    shapes: tuple[tuple[int, tuple[int, ...]], ...]
    error: str


@dataclass(frozen=True, slots=True)
class ScoreGo:
    """Enter the collective, or leave it be if not ``go``. To every member."""

    number: int
    go: bool


@dataclass(frozen=True, slots=True)
class MemberScored:
    """I have left the collective with this result. To the leader."""

    number: int
    scores: Scores | None
    error: str


@dataclass(frozen=True, slots=True)
class ScoreEnded:
    """What an ensemble's scoring came to. To the coordinator."""

    number: int
    scores: Scores | None
    error: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A signal reached a rank. To the coordinator."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The job ends: finalize MPI and leave. To every rank."""


Message = (
    Hello
    | Welcome
    | TakeRanks
    | RanksTaken
    | ReleaseRanks
    | RunStage
    | CancelTasks
    | CloseLearner
    | TaskReport
    | TaskDropped
    | RunTask
    | KillTask
    | DropArrays
    | TaskEnded
    | TasksReturned
    | ScoreEnsemble
    | PrepareScore
    | ScoreReady
    | ScoreGo
    | MemberScored
    | ScoreEnded
    | LoanMessage
    | WideMessage
    | LossMessage
    | StopRequested
    | Goodbye
)

LASTING = (
    Hello,
    TaskReport,
    TaskDropped,
    ScoreEnded,
    StopRequested,
    Goodbye,
    Alive,
    EndRank,
    Regroup,
    Census,
)
"""Messages that count also when ranks were lost meanwhile."""
