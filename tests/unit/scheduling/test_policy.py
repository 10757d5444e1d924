"""Order, repetitions and limits of failure."""

import pytest

from rose_mpi.policy import Order, Policy
from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.failures import FailureLimits
from rose_mpi.scheduling.instructions import Delay, Drop, Report, Run
from rose_mpi.scheduling.retries import LONGEST_DELAY
from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskResult, TaskStatus
from tests.unit.scheduling.cluster import Cluster

FLAKY = Task("flaky", retries=5)


def calls(count, learner="a", work=FLAKY, stage="s"):
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=0) for index in range(count)]


def ended(call, attempt=0, status=TaskStatus.FAILED):
    return TaskResult(call.id, attempt, status, 1, "host", 0.0, 0.0, 1.0)


def with_rank(**policy):
    dispatcher = Dispatcher(slots=1, policy=Policy(**policy))
    dispatcher.take((1,))
    return dispatcher


@pytest.mark.parametrize(("order", "learners"), [(Order.FAIR, "abab"), (Order.ARRIVAL, "aabb")])
def test_learners_take_turns_unless_told_otherwise(order, learners):
    dispatcher = Dispatcher(slots=4, policy=Policy(order=order))
    dispatcher.submit(calls(2, "a"), 0.0)
    dispatcher.submit(calls(2, "b"), 0.0)
    assert "".join(run.call.id.learner for run in dispatcher.take((1,))) == learners


def mixed(learner):
    """Programs of a learner, and then functions."""
    works = (*[Task("program")] * 2, *[Function("m:function")] * 2)
    return [calls(1, learner, work, f"s{number}")[0] for number, work in enumerate(works)]


@pytest.mark.parametrize(
    ("order", "learners"), [(Order.FAIR, ["a", "b"] * 3 + ["a"]), (Order.ARRIVAL, ["a"] * 4 + ["b"] * 3)]
)
def test_programs_and_functions_of_a_learner_have_one_turn_and_keep_their_order(order, learners):
    dispatcher = Dispatcher(slots=1, policy=Policy(order=order))
    dispatcher.submit([*mixed("a"), *calls(3, "b", Task("program"))], 0.0)
    runs = dispatcher.take((1,))
    for run in runs:
        more = dispatcher.finished([ended(run.call, status=TaskStatus.DONE)], 0.0)
        runs += [each for each in more if isinstance(each, Run)]
    assert [run.call.id.learner for run in runs] == learners
    assert [run.call for run in runs if run.call.id.learner == "a"] == mixed("a")


def test_each_repetition_waits_twice_as_long():
    dispatcher = with_rank(retry_delay=0.5)
    (call,) = calls(1)
    dispatcher.submit([call], 0.0)
    delays = []
    for attempt in range(5):
        report, delay = dispatcher.finished([ended(call, attempt)], 0.0)
        assert not report.final
        delays.append(delay.seconds)
        (run,) = dispatcher.repeat(delay.task)
        assert run.attempt == attempt + 1
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert dispatcher.finished([ended(call, 5)], 0.0) == [Report(ended(call, 5), final=True)]


def test_no_repetition_waits_for_ever():
    dispatcher = with_rank(retry_delay=50.0)
    (call,) = calls(1)
    dispatcher.submit([call], 0.0)
    dispatcher.finished([ended(call)], 0.0)
    dispatcher.repeat(call.id)
    assert dispatcher.finished([ended(call, 1)], 0.0)[1] == Delay(call.id, LONGEST_DELAY)


def test_without_a_delay_it_is_repeated_at_once():
    dispatcher = with_rank(retry_delay=0.0)
    (call,) = calls(1)
    dispatcher.submit([call], 0.0)
    assert isinstance(dispatcher.finished([ended(call)], 0.0)[1], Run)


def test_others_run_meanwhile():
    dispatcher = with_rank(retry_delay=0.5)
    first, second = calls(2)
    dispatcher.submit([first, second], 0.0)
    _, delay, run = dispatcher.finished([ended(first)], 0.0)
    assert (delay.task, run.call) == (first.id, second)


def test_a_delayed_task_can_be_cancelled():
    dispatcher = with_rank(retry_delay=0.5)
    (call,) = calls(1)
    dispatcher.submit([call], 0.0)
    dispatcher.finished([ended(call)], 0.0)
    assert dispatcher.cancel([call.id]) == [Drop(call.id)]
    assert dispatcher.repeat(call.id) == []


def test_ranks_are_not_borrowed_again_and_again_for_what_is_delayed():
    cluster = Cluster(
        {1: (1,), 2: (2,)},
        lambda *_: 1.0,
        status=lambda task, attempt: TaskStatus.FAILED if attempt < 3 else TaskStatus.DONE,
    )
    cluster.submit(1, calls(2))
    cluster.run()
    assert sorted(report.result.id.index for report in cluster.reports if report.final) == [0, 1]
    assert cluster.loans < 10


def test_a_learner_has_a_limit():
    limits = FailureLimits(None, 2)
    a, b = calls(1, "a")[0], calls(1, "b")[0]
    assert [limits.note(ended(call)) for call in (a, b, a)] == [False, False, True]
    assert limits.reached("a") == "2 attempts of learner 'a' failed: max_failures_per_learner = 2"
    assert limits.reached("b") == ""


def test_a_run_has_a_limit_for_all():
    limits = FailureLimits(2, None)
    a, b = calls(1, "a")[0], calls(1, "b")[0]
    assert [limits.note(ended(call)) for call in (a, b)] == [False, True]
    assert limits.reached("c") == "2 attempts of the run's tasks failed: max_failures = 2"


@pytest.mark.parametrize("status", [TaskStatus.DONE, TaskStatus.CANCELLED])
def test_what_did_not_fail_is_not_counted(status):
    limits = FailureLimits(1, 1)
    assert not limits.note(ended(calls(1)[0], status=status))
    assert limits.reached("a") == ""
