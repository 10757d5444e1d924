"""What an iteration of a learner costs beyond its tasks.

    mpirun -n 4 python benchmarks/iteration.py

An iteration has four stages, each waiting for the one before, with one executable that sleeps. The overhead
is the iteration's time less that of its tasks, from the start of each process to its end. There is room for
all learners at once.
"""

from __future__ import annotations

from collections import defaultdict

from jobs import in_session, show

from rose_mpi.events import Event, IterationFinished, TaskFinished
from rose_mpi.learners.campaign import Campaign
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.spec import Criterion, LearnerKind, LearnerSpec, Step
from rose_mpi.tasks import Task

STAGES = ("simulation", "training", "active_learn", "criterion")
SECONDS = (0.0, 0.05, 0.2, 0.5)
LEARNERS = (1, 2, 8)
ITERATIONS = {0.0: 20, 0.05: 10, 0.2: 5, 0.5: 3}
SLOTS = 4


class Overheads:
    """Seconds of each iteration that none of its tasks ran."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._tasks: defaultdict[tuple[str, int], float] = defaultdict(float)

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case TaskFinished(result):
                self._tasks[result.id.learner, result.id.iteration] += result.finished - result.started
            case IterationFinished(state) if state.iteration:
                tasks = self._tasks[state.learner, state.iteration]
                self.found.append(state.finished - state.started - tasks)


def learner(name: str, seconds: float) -> LearnerSpec:
    """A learner whose tasks sleep so long."""
    sleep = Task(f"/bin/sh -c 'sleep {seconds}; echo 0'") if seconds else Task("/bin/echo 0")
    steps = {stage: Step(sleep) for stage in STAGES}
    criterion = Criterion("metric", 1.0, ">")
    return LearnerSpec(name, LearnerKind.ACTIVE, steps, 1, ITERATIONS[seconds], criterion)


overheads = Overheads()


async def measured(executor: Executor) -> dict[str, list[float]]:
    """Milliseconds of overhead, by the number of learners and the tasks' time."""
    rows = {}
    for seconds in SECONDS:
        for count in LEARNERS:
            overheads.found = []
            specs = [learner(f"{seconds}-{count}-{number}", seconds) for number in range(count)]
            await Campaign(specs, executor, overheads).run()
            rows[f"{count} learners, tasks of {seconds} s"] = [1e3 * value for value in overheads.found]
    return rows


rows = in_session(measured, learners=(), slots=SLOTS, observe=overheads)
if rows:
    show("overhead of an iteration", rows, "ms")
