"""What the coordinator knows of the stages under way."""

from concurrent.futures import Future

import pytest

from rose_mpi.mpi.stages import Stage, Stages
from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskResult, TaskStatus


@pytest.mark.parametrize("cancelled", [True, False])
def test_programs_count_until_their_end(cancelled):
    works = (Task("true"), Function("m:f"), Function("m:f", isolated=True))
    calls = [TaskCall(TaskId("a", 0, "s", index), work, seed=0) for index, work in enumerate(works)]
    stages = Stages()
    stages.add(Stage("a", 1, {call.id: call for call in calls}, Future()))
    seen = [stages.programs]
    for call in calls:
        result = TaskResult(call.id, 0, TaskStatus.DONE, 1, "host", 0.0, 0.0, 1.0)
        stages.settle(call.id, None if cancelled else result)
        seen.append(stages.programs)
    assert seen == [2, 1, 1, 0]
