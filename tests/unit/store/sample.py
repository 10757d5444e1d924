"""A small campaign's events, as the tests of the store feed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rose_mpi.events import (
    Event,
    IterationFinished,
    LearnerFinished,
    LearnerStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    StopReason,
    TaskFinished,
)
from rose_mpi.iteration import IterationState
from rose_mpi.store.records import record_of
from rose_mpi.store.state import RunRecord
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

T0 = 1.7e9
STARTED = RunStarted("run-1", T0, 7, 4, ("n1", "n1", "n2", "n2"), "config_version = 1\n[run]\nname = 'ä'\n")


def task(index: int = 0, value: Any = None, *, iteration: int = 0, **changes: Any) -> TaskFinished:
    """One attempt of a simulation, done unless ``changes`` say otherwise."""
    fields: dict[str, Any] = {
        "attempt": 0,
        "status": TaskStatus.DONE,
        "rank": 1,
        "host": "n1",
        "queued": T0 + index,
        "started": T0 + index + 0.25,
        "finished": T0 + index + 0.5,
        "exit_code": 0,
        "cpu_seconds": 0.2,
        "max_rss": 50_000_000,
    }
    identity = TaskId("entropy", iteration, "simulation", index)
    return TaskFinished(TaskResult(identity, value=value, **(fields | changes)))


def iteration(number: int, learner: str = "entropy") -> IterationFinished:
    """An iteration that queried ``number + 1`` candidates and, from the second on, left a number."""
    return IterationFinished(
        IterationState(
            learner=learner,
            iteration=number,
            started=T0 + number,
            finished=T0 + number + 0.5,
            metric=0.5 + 0.1 * number,
            model_metric={"mlp": 0.5, "forest": 0.75} if number else {"mlp": 0.5},
            uncertainty=0.9 - 0.1 * number,
            pool_uncertainty=0.3,
            selected=tuple(range(10 * number, 11 * number + 1)),
            selected_score=tuple(0.5 / (k + 1) for k in range(number + 1)),
            state={"loss": 0.25 * number} if number else {},
            should_stop=number == 2,
        )
    )


def campaign() -> Iterator[Event]:
    """A whole run: two learners, the second of which fails."""
    yield STARTED
    yield LearnerStarted("random", "uq", (3,), ("",), "", 0.0, "", 0)
    yield LearnerStarted("entropy", "uq", (1, 2), ("mlp", "forest"), "model_accuracy", 0.93, ">=", 12)
    for number in range(3):
        yield task(number, {"n": number, "x": [1.5, None, "ü"]}, iteration=number)
        yield iteration(number)
    yield task(
        9, status=TaskStatus.FAILED, exit_code=None, signal="SIGSEGV", error="it broke\0 here \udcff\nä"
    )
    yield LearnerFinished("random", StopReason.ERROR, T0 + 8, "simulation.0 failed")
    yield LearnerFinished("entropy", StopReason.CRITERION_MET, T0 + 9)
    yield RunFinished(RunStatus.FAILED, T0 + 10)


def folded(*events: Event) -> RunRecord:
    """What a run has come to after these events, the first of which is the run's start."""
    first, *rest = events
    assert isinstance(first, RunStarted)
    run = RunRecord(first)
    for event in rest:
        run.add(record_of(event))
    return run


def contents(run: RunRecord) -> tuple[object, ...]:
    """All of a run, so that two can be compared with NaN equal to NaN."""
    learners = [(name, repr(learner)) for name, learner in run.learners.items()]
    return repr(run.started), run.status, repr(run.finished), learners, [repr(row) for row in run.tasks]
