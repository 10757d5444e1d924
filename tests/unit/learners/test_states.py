import asyncio
import time

import pytest

from rose_mpi.errors import TaskError, UsageError
from rose_mpi.events import StopReason
from rose_mpi.learners.active import ParallelActiveLearner
from rose_mpi.tasks import TaskStatus
from tests.unit.learners.engine import FakeEngine
from tests.unit.learners.fake import FakeExecutor


class Paced(FakeExecutor):
    """Stages of a learner take their time, in seconds, or fail in an iteration."""

    def __init__(self, seconds=None, failing=None):
        super().__init__()
        self.seconds = seconds or {}
        self.broken = failing or {}
        self.ended = 0

    async def run_stage(self, calls):
        await asyncio.sleep(self.seconds.get(calls[0].id.learner, 0))
        results = await super().run_stage(calls)
        self.ended += 1
        return results

    def result(self, call):
        if self.broken.get(call.id.learner) == call.id.iteration and call.id.stage == "training":
            return self.attempt(call, TaskStatus.FAILED, None, "exit code 1")
        return super().result(call)


def parallel(executor=None, **options):
    learner = ParallelActiveLearner(FakeEngine(executor or Paced(), **options))
    learner.simulation_task(lambda *args: "sim")
    learner.training_task(lambda *args: "train")
    return learner


def iterations_begun(learner):
    return {
        name: max(
            (call.id.iteration for call in learner.engine.executor.calls if call.id.learner == name),
            default=-1,
        )
        for name in learner.engine.started()
    }


def test_states_come_as_learners_end_their_iterations():
    async def main():
        learner = parallel(Paced({"learner-0": 0.1}))
        return [(state.learner_id, state.iteration) async for state in learner.start(2, max_iter=2)]

    assert asyncio.run(main()) == [(1, 0), (1, 1), (0, 0), (0, 1)]


def test_no_learner_is_more_than_one_iteration_ahead_of_a_slow_consumer():
    async def main():
        learner = parallel()
        taken = dict.fromkeys(("learner-0", "learner-1", "learner-2"), -1)
        async for state in learner.start(3, max_iter=4):
            await asyncio.sleep(0.02)
            taken[state.learner] = state.iteration
            for name, begun in iterations_begun(learner).items():
                assert begun <= taken[name] + 1
        return taken

    assert set(asyncio.run(main()).values()) == {3}


def test_the_learner_whose_state_was_taken_waits_until_the_next_is_asked_for():
    async def main():
        learner = parallel()
        async for state in learner.start(1, max_iter=3):
            await asyncio.sleep(0.02)
            assert iterations_begun(learner) == {"learner-0": state.iteration}

    asyncio.run(main())


def test_leaving_async_for_ends_all_learners():
    async def main():
        learner = parallel(Paced({"learner-1": 9.0}))
        async for state in learner.start(2, max_iter=5):
            if state.iteration == 1:
                break
        for _ in range(100):
            if len(learner.engine.finished()) == 2:
                break
            await asyncio.sleep(0.01)
        return learner

    learner = asyncio.run(main())
    reasons = {name: event.stop_reason for name, event in learner.engine.finished().items()}
    assert reasons == dict.fromkeys(("learner-0", "learner-1"), StopReason.STOPPED)
    assert sorted(learner.engine.executor.closed) == ["learner-0", "learner-1"]


def test_leaving_a_plain_for_ends_all_learners():
    learner = parallel(Paced({"learner-1": 9.0}))
    for state in learner.start(2, max_iter=5):
        if state.iteration == 1:
            break
    deadline = time.monotonic() + 5
    while len(learner.engine.finished()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {event.stop_reason for event in learner.engine.finished().values()} == {StopReason.STOPPED}
    assert sorted(learner.engine.executor.closed) == ["learner-0", "learner-1"]


def test_states_can_be_closed():
    async def main():
        learner = parallel()
        states = learner.start(2, max_iter=5)
        await anext(states)
        await states.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(states)
        return learner

    learner = asyncio.run(main())
    assert len(learner.engine.finished()) == 2


def test_a_plain_for_is_refused_where_an_event_loop_runs():
    async def main():
        learner = parallel()
        with pytest.raises(UsageError, match="write `async for` in place of `for`"):
            for _ in learner.start(2, max_iter=1):
                pass

    asyncio.run(main())


def test_one_learner_s_failure_is_raised_after_the_others_have_ended():
    learner = parallel(Paced(failing={"learner-1": 1}))
    states = []
    with pytest.raises(TaskError, match=r"learner-1\.1\.training"):
        for state in learner.start(3, max_iter=3):
            states.append((state.learner_id, state.iteration))
    assert sorted(states) == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2)]
    reasons = [event.stop_reason.value for _, event in sorted(learner.engine.finished().items())]
    assert reasons == ["max_iter_reached", "error", "max_iter_reached"]


def test_of_several_failures_the_first_is_raised_with_their_number():
    learner = parallel(Paced({"learner-0": 0.05}, {"learner-0": 0, "learner-1": 0}))
    with pytest.raises(TaskError, match=r"learner-1\.0") as caught:
        learner.teach(2, max_iter=2)
    assert caught.value.__notes__ == ["2 of 2 learners failed; this is the first failure"]


def test_a_failure_that_shall_end_all_does_so():
    learner = parallel(Paced({"learner-1": 9.0}, {"learner-0": 0}), on_failure="abort")
    began = time.monotonic()
    with pytest.raises(TaskError, match=r"learner-0\.0\.training"):
        learner.teach(2, max_iter=2)
    assert time.monotonic() - began < 5
    assert learner.engine.finished()["learner-1"].stop_reason is StopReason.STOPPED
