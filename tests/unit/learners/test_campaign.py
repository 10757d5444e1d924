import asyncio

from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted, StopReason
from rose_mpi.learners.campaign import Campaign
from rose_mpi.learners.spec import LearnerKind, LearnerSpec, OnFailure, Step
from rose_mpi.tasks import Task
from tests.unit.learners.fake import FakeExecutor


def learner(name, on_failure=OnFailure.STOP_LEARNER):
    steps = {"simulation": Step(Task("sim"), on_failure=on_failure), "training": Step(Task("train"))}
    return LearnerSpec(name, LearnerKind.ACTIVE, steps, seed=1, max_iterations=3)


class FailsFor(FakeExecutor):
    def __init__(self, name):
        super().__init__(failing={("simulation", 0)})
        self.name = name

    def result(self, call):
        failing = self.failing if call.id.learner == self.name else ()
        return FakeExecutor(self.values, failing).result(call)


class NeverEnds(FakeExecutor):
    def __init__(self, name):
        super().__init__()
        self.name = name

    async def run_stage(self, calls):
        if calls[0].id.learner == self.name:
            await asyncio.Event().wait()
        return await super().run_stage(calls)


def run(specs, executor, action=None):
    events = []

    async def main():
        campaign = Campaign(specs, executor, events.append)
        if action:
            asyncio.get_running_loop().call_later(0.05, action, campaign)
        return await campaign.run()

    return asyncio.run(main()), events


def finished(events):
    return {event.learner: event for event in events if isinstance(event, LearnerFinished)}


def test_learners_run_side_by_side_and_tell_of_themselves():
    reasons, events = run([learner("a"), learner("b")], FakeExecutor())
    assert reasons == (StopReason.MAX_ITER_REACHED,) * 2
    assert [event.learner for event in events if isinstance(event, LearnerStarted)] == ["a", "b"]
    iterations = [event.state.iteration for event in events if isinstance(event, IterationFinished)]
    assert sorted(iterations) == [0, 0, 1, 1, 2, 2]


def test_one_learner_s_failure_leaves_the_others_running():
    reasons, events = run([learner("a"), learner("b")], FailsFor("a"))
    assert reasons == (StopReason.ERROR, StopReason.MAX_ITER_REACHED)
    assert "a.0.simulation.0" in finished(events)["a"].error


def test_on_failure_abort_ends_the_others_too():
    executor = NeverEnds("b")
    executor.failing = {("simulation", 0)}
    reasons, _ = run([learner("a", OnFailure.ABORT), learner("b")], executor)
    assert reasons == (StopReason.ERROR, StopReason.STOPPED)


def test_stop_ends_learners_with_its_reason():
    reasons, events = run([learner("a"), learner("b")], NeverEnds("b"), lambda c: c.stop(StopReason.WALLTIME))
    assert reasons == (StopReason.MAX_ITER_REACHED, StopReason.WALLTIME)
    assert finished(events)["b"].error == ""
