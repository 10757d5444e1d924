"""Short functions wait on the ranks that run them; nobody waits behind a long one."""

import random

import pytest

from rose_mpi.scheduling.backlog import AHEAD, QUICKEST, Backlogs
from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import Drop, Kill, Run
from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskResult, TaskStatus
from tests.unit.scheduling.cluster import LATE, Cluster

SHORT = Function("m:short")


def calls(count, work=SHORT, stage="s", learner="a"):
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=0) for index in range(count)]


def ended(call, rank, seconds=1e-4):
    return TaskResult(call.id, 0, TaskStatus.DONE, rank, "host", 0.0, 0.0, seconds)


def starts(instructions):
    return [(each.rank, each.call.id.index) for each in instructions if isinstance(each, Run)]


def test_nothing_waits_on_a_rank_before_one_has_ended():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1, 2))
    assert starts(dispatcher.submit(calls(5), 0.0)) == [(1, 0), (2, 1)]


def test_short_functions_wait_on_the_rank_that_runs_one():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(100)
    dispatcher.submit(stage, 0.0)
    given = starts(dispatcher.finished([ended(stage[0], 1, seconds=1e-3)], 0.0))
    assert given == [(1, index) for index in range(1, 6)]
    assert starts(dispatcher.finished([ended(stage[1], 1, seconds=1e-3)], 0.0)) == [(1, 6)]


@pytest.mark.parametrize("seconds", [0.0, QUICKEST / 1e6])
def test_however_quick_they_are_their_number_is_bounded(seconds):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(10_000)
    dispatcher.submit(stage, 0.0)
    assert len(starts(dispatcher.finished([ended(stage[0], 1, seconds)], 0.0))) == AHEAD // QUICKEST


def test_long_functions_do_not_wait_on_a_rank():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(10)
    dispatcher.submit(stage, 0.0)
    assert starts(dispatcher.finished([ended(stage[0], 1, seconds=AHEAD / 1e6)], 0.0)) == [(1, 1)]


def test_executables_do_not_wait_on_a_rank():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    functions, executables = calls(3), calls(3, Task("true"), "e")
    dispatcher.submit(functions, 0.0)
    dispatcher.submit(executables, 0.0)
    given = [
        each.call for each in dispatcher.finished([ended(functions[0], 1)], 0.0) if isinstance(each, Run)
    ]
    assert given == functions[1:]


def test_the_ranks_are_given_more_by_turns():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1, 2))
    first = calls(1)
    dispatcher.submit(first, 0.0)
    dispatcher.finished([ended(first[0], 1)], 0.0)
    given = [rank for rank, _ in starts(dispatcher.submit(calls(8, stage="t"), 0.0))]
    assert sorted(given) == [1] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("work", "seconds", "first"), [(SHORT, 1e-4, 2), (SHORT, 1.0, 1), (Task("true"), 0, 2)]
)
def test_the_leader_s_own_rank_is_the_first_for_short_tasks_and_the_last_for_long_functions(
    work, seconds, first
):
    dispatcher = Dispatcher(slots=1, home=2)
    dispatcher.take((1, 2))
    (known,) = calls(1)
    dispatcher.submit([known], 0.0)
    dispatcher.finished([ended(known, 1, seconds)], 0.0)
    assert starts(dispatcher.submit(calls(1, work, "t"), 0.0)) == [(first, 0)]


def test_learners_take_turns_on_a_rank():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    first = calls(1)
    dispatcher.submit(first, 0.0)
    dispatcher.submit(calls(2), 0.0)
    dispatcher.submit(calls(2, learner="b"), 0.0)
    given = dispatcher.finished([ended(first[0], 1)], 0.0)
    learners = [each.call.id.learner for each in given if isinstance(each, Run)]
    assert learners == ["a", "b", "a", "b"]


def test_what_is_given_back_runs_elsewhere_first():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(6)
    dispatcher.submit(stage, 0.0)
    dispatcher.finished([ended(stage[0], 1, seconds=2e-3)], 0.0)
    assert dispatcher.returned(1, [call.id for call in stage[2:4]]) == []
    assert starts(dispatcher.take((2,))) == [(2, 2), (2, 3), (2, 4)]


def test_a_late_rank_gets_nothing_until_something_of_it_has_ended():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(6)
    dispatcher.submit(stage, 0.0)
    dispatcher.finished([ended(stage[0], 1, seconds=2e-3)], 0.0)
    dispatcher.returned(1, [call.id for call in stage[2:4]])
    assert dispatcher.submit(calls(1, stage="t"), 0.0) == []
    assert starts(dispatcher.finished([ended(stage[1], 1, seconds=1.0)], 0.0)) == [(1, 2)]


def test_what_is_given_back_and_was_cancelled_is_dropped():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(4)
    dispatcher.submit(stage, 0.0)
    dispatcher.finished([ended(stage[0], 1, seconds=2e-3)], 0.0)
    assert dispatcher.cancel([stage[2].id]) == [Kill(1, stage[2].id, 0)]
    assert Drop(stage[2].id) in dispatcher.returned(1, [stage[2].id, stage[3].id])


def test_one_that_lasts_counts_at_once_and_shorter_ones_little_by_little():
    backlogs = Backlogs()
    (call,) = calls(1)
    backlogs.ended(1, call, 1e-3)
    assert backlogs.expected(call) == 1000
    backlogs.ended(1, call, 8e-3)
    assert backlogs.expected(call) == 8000
    backlogs.ended(1, call, 0.0)
    assert 5000 < backlogs.expected(call) < 8000


def test_nobody_waits_behind_one_that_lasts():
    lasts = TaskId("a", 0, "s", 500)
    cluster = Cluster({1: (1, 2)}, lambda task, attempt: 10.0 if task == lasts else 1e-4)
    cluster.submit(1, calls(2000))
    cluster.run()
    assert cluster.longest_lane > 10
    assert len({entry[3] for entry in cluster.ran}) == len(cluster.ran) == 2000
    others = max(end for _, end, _, task, _ in cluster.ran if task != lasts)
    assert others < 2000 * 1e-4 + LATE


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_each_runs_once(seed):
    rng = random.Random(seed)

    def lasts(task, attempt):
        return rng.choice([1e-5, 1e-4, 1e-3, 0.1])

    cluster = Cluster({1: (1, 2), 3: (3,)}, lasts, slots=rng.choice([1, 2]), rng=rng)
    stages = {leader: calls(60, learner=f"l{leader}") for leader in (1, 3)}
    for leader, stage in stages.items():
        cluster.submit(leader, stage)
    cancelled = [call.id for call in rng.sample(stages[1], 20)]
    cluster.at(rng.random() * 0.2, lambda: cluster.cancel(1, cancelled))
    cluster.run()
    ids = [report.result.id for report in cluster.reports if report.final] + cluster.dropped
    assert sorted(ids) == sorted(call.id for stage in stages.values() for call in stage)
    ran = [entry[3] for entry in cluster.ran]
    assert len(ran) == len(set(ran))
