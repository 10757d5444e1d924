"""The events of a small run."""

from rose_mpi.events import (
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
from rose_mpi.tasks import TaskId, TaskResult, TaskStatus

START = 1000.0


def run_started():
    return RunStarted("digits", START, 7, 4, ("node1",), "")


def learner_started(name, metric="model_accuracy", operator=">=", threshold=0.9):
    return LearnerStarted(name, "uq", (1, 2), ("a", "b"), metric, threshold, operator, 12)


def task(name, iteration=0, status=TaskStatus.DONE, error=""):
    times = (START, START, START + 1)
    task_id = TaskId(name, iteration, "training", model="a")
    return TaskFinished(TaskResult(task_id, 0, status, 1, "node1", *times, error=error))


def iteration(name, number, metric=0.5, uncertainty=0.25, queried=20, **state):
    return IterationFinished(
        IterationState(
            name,
            number,
            START,
            START + number + 1,
            metric=metric,
            uncertainty=uncertainty,
            selected=tuple(range(queried)),
            state=state,
        )
    )


def learner_finished(name, reason=StopReason.CRITERION_MET, error=""):
    return LearnerFinished(name, reason, START + 9, error)


def run_finished():
    return RunFinished(RunStatus.DONE, START + 10)


def digits():
    """Two learners that end, and one that fails."""
    yield run_started()
    for name in ("random", "entropy", "broken"):
        yield learner_started(name)
    for number in range(3):
        yield task("entropy", number)
        yield iteration("entropy", number, metric=0.8 + 0.05 * number, labels=40 + 20 * number)
    for number in range(5):
        yield task("random", number)
        yield iteration("random", number, metric=0.7 + 0.05 * number, labels=40 + 20 * number)
    yield learner_finished("entropy")
    yield task("broken", status=TaskStatus.FAILED, error="exit code 1")
    yield learner_finished(
        "broken", StopReason.ERROR, "\ntask broken.0.training.0.a failed: exit code 1\nmore\n"
    )
    yield learner_finished("random", StopReason.MAX_ITER_REACHED)
    yield run_finished()
