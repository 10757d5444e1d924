"""What a task is, what is asked of it in one iteration, and what came of it.

What there is of every task, and travels from rank to rank, is a :class:`msgspec.Struct`: it is made, compared
and pickled in a fraction of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

import msgspec

from rose_mpi.buffers import out_of_band

GPUS_AND_RANKS: Final = (
    "gpus_per_rank is for tasks on one rank; with several the launcher gives them, such as "
    "launcher = 'srun --overlap --exact -n {ranks} -c {cores} -w {hosts} --gpus-per-task=1 {command}'"
)
"""Why a task has one or the other."""


class TaskStatus(StrEnum):
    """How one attempt of a task ended."""

    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class Expects(StrEnum):
    """What the result of a task must be."""

    ANYTHING = "anything"
    PREDICTION = "prediction"


@dataclass(frozen=True, slots=True)
class Task:
    """An executable to run.

    Parameters
    ----------
    executable:
        A program, or a whole command line (``"python sim.py --n 3"``), split as a shell would.
    arguments:
        Further words, passed as they are.
    ranks:
        MPI processes that the executable runs on.
    cores_per_rank:
        Cores, and so threads, of each process; ``None`` means one thread.
    gpus_per_rank:
        GPUs of each process.
    environment:
        Variables added to the task's environment.
    timeout:
        Seconds after which the task and all its processes are ended; ``None``: never.
    retries:
        How often a failed attempt is repeated.
    shell:
        Hand ``executable`` to ``/bin/sh`` as it is.
    cwd:
        Working folder; ``None`` means the learner's own folder.
    """

    executable: str
    arguments: tuple[str, ...] = ()
    ranks: int = 1
    cores_per_rank: int | None = None
    gpus_per_rank: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    retries: int = 0
    shell: bool = False
    cwd: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, _values(self)


_values = attrgetter(*(each.name for each in fields(Task)))


@dataclass(frozen=True, slots=True)
class Function:
    """A Python function, which a rank calls.

    Parameters
    ----------
    reference:
        ``"module:name"``; the module is looked for beside the configuration first.
    kwargs:
        Keyword arguments. The task's ``learner``, ``iteration``, ``index``, ``model``, ``seed``,
        ``selection`` and ``workdir`` are passed too where the function's signature names them.
    retries:
        How often a failed attempt is repeated.
    pickled:
        The function with its arguments, as cloudpickle's bytes of ``(function, args, kwargs)``; ``reference``
        is its name for people then, and ``kwargs`` are not looked at.
    ranks:
        Ranks that call it at the same time; with several it is passed a communicator of them, ``comm``, and
        its value is what the lowest of them returns.
    isolated:
        Call it in a process of its own, which may crash; on one rank only.
    timeout:
        Seconds after which that process is ended; ``None``: never.
    """

    reference: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    pickled: bytes = b""
    ranks: int = 1
    isolated: bool = False
    timeout: float | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        pickled = out_of_band(self.pickled)
        fields = self.reference, self.kwargs, self.retries, pickled, self.ranks, self.isolated, self.timeout
        return Function, fields


def runs_in_rank(work: Task | Function) -> bool:
    """Whether a rank itself runs it, and not a process that it starts."""
    return isinstance(work, Function) and not work.isolated


class TaskId(msgspec.Struct, frozen=True, order=True, gc=False):
    """Which task of which learner: unique within a run."""

    learner: str
    iteration: int
    stage: str
    index: int = 0
    model: str = ""

    def __str__(self) -> str:
        name = f"{self.learner}.{self.iteration}.{self.stage}.{self.index}"
        return f"{name}.{self.model}" if self.model else name


class TaskCall(msgspec.Struct, frozen=True):
    """One task as a learner asks for it.

    Attributes
    ----------
    seed:
        From the run's seed and ``id`` alone, so that a retry and another number of ranks give the same.
    selection:
        Path of the ``.npz`` with the latest selected candidates (``indices``, ``scores``), if there is one.
    """

    id: TaskId
    work: Task | Function
    seed: int
    expects: Expects = Expects.ANYTHING
    selection: str | None = None


class FileArray(msgspec.Struct, frozen=True, gc=False):
    """An array that a task left in a ``.npy`` file."""

    path: str


class RankArray(msgspec.Struct, frozen=True, gc=False):
    """An array that a function returned and that stays in the memory of the rank that ran it."""

    rank: int
    key: str


@dataclass(frozen=True, slots=True)
class Pickled:
    """A Python value that JSON cannot say, on its way from a rank of this job to the program that waits."""

    data: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return Pickled, (out_of_band(self.data),)


class TaskResult(msgspec.Struct, frozen=True):
    """What one attempt of a task came to; times are seconds since 1970-01-01.

    Attributes
    ----------
    value:
        A JSON value, text, a :class:`FileArray`, a :class:`RankArray` or a :class:`Pickled` value; ``None``
        unless ``done``.
    error:
        Why the attempt failed, with the last lines of its output; empty where it did not.
    max_rss:
        Largest resident set of its processes, in bytes.
    registered:
        Pickled mapping of the state that a function registered; empty for none.
    """

    id: TaskId
    attempt: int
    status: TaskStatus
    rank: int
    host: str
    queued: float
    started: float
    finished: float
    value: Any = None
    exit_code: int | None = None
    signal: str = ""
    error: str = ""
    cpu_seconds: float = 0.0
    max_rss: int = 0
    registered: bytes = b""

    @property
    def done(self) -> bool:
        """Whether the attempt succeeded."""
        return self.status is TaskStatus.DONE
