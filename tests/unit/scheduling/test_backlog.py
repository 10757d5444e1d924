"""Short tasks wait on the ranks that run such tasks; nobody waits behind a long one."""

import random

import pytest

from rose_mpi.scheduling.backlog import AHEAD, FURTHER_AHEAD, QUICKEST, SHORT, Backlog
from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import Drop, Kill, Run
from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskResult, TaskStatus
from tests.unit.scheduling.cluster import LATE, Cluster

FUNCTION = Function("m:short")
PROGRAM = Task("true")
both = pytest.mark.parametrize("work", [FUNCTION, PROGRAM], ids=["function", "program"])


def calls(count, work=FUNCTION, stage="s", learner="a"):
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=0) for index in range(count)]


def ended(call, rank, seconds=1e-4):
    return TaskResult(call.id, 0, TaskStatus.DONE, rank, "host", 0.0, 0.0, seconds)


def starts(instructions):
    return [(each.rank, each.call.id.index) for each in instructions if isinstance(each, Run)]


def ahead(work):
    """So many microseconds of work a learner without others has on a rank."""
    return AHEAD if work is FUNCTION else FURTHER_AHEAD


def waits(instructions):
    return [each.waits for each in instructions if isinstance(each, Run)]


@both
def test_nothing_waits_on_a_rank_before_one_has_ended(work):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1, 2))
    assert starts(dispatcher.submit(calls(5, work), 0.0)) == [(1, 0), (2, 1)]


@both
def test_short_tasks_wait_on_the_rank_that_runs_one(work):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(100, work)
    dispatcher.submit(stage, 0.0)
    given = dispatcher.finished([ended(stage[0], 1, seconds=4e-3)], 0.0)
    many = ahead(work) // 4000
    assert starts(given) == [(1, index + 1) for index in range(many)]
    assert waits(given) == [False] + [True] * (many - 1)
    more = dispatcher.finished([ended(stage[1], 1, seconds=4e-3)], 0.0)
    assert (starts(more), waits(more)) == ([(1, many + 1)], [True])


def test_programs_wait_behind_as_many_as_a_rank_runs_at_a_time():
    dispatcher = Dispatcher(slots=2)
    dispatcher.take((1,))
    stage = calls(100, PROGRAM)
    assert len(starts(dispatcher.submit(stage, 0.0))) == 2
    assert starts(dispatcher.finished([ended(stage[0], 1, seconds=4e-3)], 0.0)) == [(1, 2)]
    given = dispatcher.finished([ended(stage[1], 1, seconds=4e-3)], 0.0)
    assert waits(given) == [False] + [True] * (2 * FURTHER_AHEAD // 4000 - 2)


def test_fewer_programs_wait_where_other_learners_are():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(100, PROGRAM)
    dispatcher.submit(stage, 0.0)
    dispatcher.submit(calls(1, PROGRAM, learner="b"), 0.0)
    assert len(starts(dispatcher.finished([ended(stage[0], 1, seconds=4e-3)], 0.0))) == AHEAD // 4000
    dispatcher.close("b")
    more = dispatcher.finished([ended(stage[1], 1, seconds=4e-3)], 0.0)
    assert len(starts(more)) == 1 + (FURTHER_AHEAD - AHEAD) // 4000


def test_fewer_programs_wait_on_a_borrowed_rank():
    dispatcher = Dispatcher(slots=1)
    stage = calls(100, PROGRAM)
    dispatcher.submit(stage, 0.0)
    dispatcher.borrow(7, owner=5, functions=True)
    assert len(starts(dispatcher.finished([ended(stage[0], 7, seconds=4e-3)], 0.0))) == AHEAD // 4000


@both
@pytest.mark.parametrize("seconds", [0.0, QUICKEST / 1e6])
def test_however_quick_they_are_their_number_is_bounded(work, seconds):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(10_000, work)
    dispatcher.submit(stage, 0.0)
    assert len(starts(dispatcher.finished([ended(stage[0], 1, seconds)], 0.0))) == ahead(work) // QUICKEST


@both
def test_a_rank_is_given_its_share_of_what_waits_and_no_more(work):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1, 2, 3))
    stage = calls(13, work)
    dispatcher.submit(stage, 0.0)
    given = starts(dispatcher.finished([ended(stage[0], 1)], 0.0))
    assert given == [(1, index) for index in (3, 4, 5, 6)]


@both
def test_long_tasks_do_not_wait_on_a_rank(work):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(10, work)
    dispatcher.submit(stage, 0.0)
    assert starts(dispatcher.finished([ended(stage[0], 1, seconds=SHORT / 1e6)], 0.0)) == [(1, 1)]


def test_programs_that_need_gpus_do_not_wait_on_a_rank():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(10, Task("true", gpus_per_rank=1))
    dispatcher.submit(stage, 0.0)
    assert starts(dispatcher.finished([ended(stage[0], 1)], 0.0)) == [(1, 1)]


@pytest.mark.parametrize("isolated", [True, False])
def test_functions_in_processes_of_their_own_do_not_wait_on_a_rank(isolated):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(3, Function("m:short", isolated=isolated))
    dispatcher.submit(stage, 0.0)
    assert len(starts(dispatcher.finished([ended(stage[0], 1)], 0.0))) == (1 if isolated else 2)


@both
def test_tasks_of_one_kind_do_not_wait_where_the_other_has_its_turn(work):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    other = PROGRAM if work is FUNCTION else FUNCTION
    known = calls(1, other, "o")
    dispatcher.submit(known, 0.0)
    dispatcher.finished([ended(known[0], 1)], 0.0)
    ours, others = calls(3, work), calls(3, other, "o", learner="b")
    dispatcher.submit(ours, 0.0)
    assert starts(dispatcher.submit(others, 0.0)) == []
    given = [each.call for each in dispatcher.finished([ended(ours[0], 1)], 0.0) if isinstance(each, Run)]
    assert given == ours[1:2]
    given = [each.call for each in dispatcher.finished([ended(ours[1], 1)], 0.0) if isinstance(each, Run)]
    assert given == others[:1]


def test_the_ranks_are_given_more_by_turns():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1, 2))
    first = calls(1)
    dispatcher.submit(first, 0.0)
    dispatcher.finished([ended(first[0], 1)], 0.0)
    given = [rank for rank, _ in starts(dispatcher.submit(calls(8, stage="t"), 0.0))]
    assert sorted(given) == [1] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("work", "seconds", "first"), [(FUNCTION, 1e-4, 2), (FUNCTION, 1.0, 1), (PROGRAM, 0, 2)]
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
    assert dispatcher.returned(1, [call.id for call in stage[2:]]) == []
    assert starts(dispatcher.take((2,))) == [(2, 2), (2, 3), (2, 4)]


def test_a_late_rank_gets_nothing_until_something_of_it_has_ended():
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    stage = calls(6)
    dispatcher.submit(stage, 0.0)
    dispatcher.finished([ended(stage[0], 1, seconds=2e-3)], 0.0)
    dispatcher.returned(1, [call.id for call in stage[2:]])
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
    backlogs = Backlog(slots=1)
    (call,) = calls(1)
    backlogs.ended(1, call, 1e-3)
    assert backlogs.expected(call) == 1000
    backlogs.ended(1, call, 8e-3)
    assert backlogs.expected(call) == 8000
    backlogs.ended(1, call, 0.0)
    assert 5000 < backlogs.expected(call) < 8000


@both
def test_nobody_waits_behind_one_that_lasts(work):
    lasts = TaskId("a", 0, "s", 500)
    cluster = Cluster({1: (1, 2)}, lambda task, attempt: 10.0 if task == lasts else 1e-4)
    cluster.submit(1, calls(2000, work))
    cluster.run()
    assert max(cluster.longest_lane, cluster.longest_queue) > 10
    assert len({entry[3] for entry in cluster.ran}) == len(cluster.ran) == 2000
    others = max(end for _, end, _, task, _ in cluster.ran if task != lasts)
    assert others < 2000 * 1e-4 + LATE


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_each_runs_once(seed):
    rng = random.Random(seed)

    def lasts(task, attempt):
        return rng.choice([1e-5, 1e-4, 1e-3, 0.1])

    cluster = Cluster({1: (1, 2), 3: (3,)}, lasts, slots=rng.choice([1, 2]), rng=rng)
    stages = {
        leader: [*calls(60, learner=f"l{leader}"), *calls(60, PROGRAM, "p", f"l{leader}")]
        for leader in (1, 3)
    }
    for leader, stage in stages.items():
        rng.shuffle(stage)
        cluster.submit(leader, stage)
    cancelled = [call.id for call in rng.sample(stages[1], 40)]
    cluster.at(rng.random() * 0.2, lambda: cluster.cancel(1, cancelled))
    cluster.run()
    ids = [report.result.id for report in cluster.reports if report.final] + cluster.dropped
    assert sorted(ids) == sorted(call.id for stage in stages.values() for call in stage)
    ran = [entry[3] for entry in cluster.ran]
    assert len(ran) == len(set(ran))


@pytest.mark.parametrize("many", [FUNCTION, PROGRAM], ids=["functions", "programs"])
@pytest.mark.parametrize("one", [FUNCTION, PROGRAM], ids=["function", "program"])
def test_a_learner_with_many_short_tasks_keeps_no_other_from_its_turn(many, one):
    def lasts(task, attempt):
        return 1e-3 if task.learner == "a" else 0.2

    cluster = Cluster({1: (1, 2)}, lasts)
    cluster.submit(1, calls(2000, many, learner="a"))
    cluster.at(0.05, lambda: cluster.submit(1, calls(1, one, "other", "b")))
    cluster.run()
    began = next(start for start, _, _, task, _ in cluster.ran if task.learner == "b")
    assert began < 0.05 + FURTHER_AHEAD / 1e6


def test_long_tasks_of_one_learner_and_short_ones_of_another_take_turns():
    def lasts(task, attempt):
        return 1e-3 if task.learner == "a" else 0.02

    cluster = Cluster({1: (1, 2)}, lasts)
    for learner in "ab":
        cluster.submit(1, calls(200, PROGRAM, learner, learner))
    cluster.run()
    ends = {
        learner: max(end for _, end, _, task, _ in cluster.ran if task.learner == learner) for learner in "ab"
    }
    assert ends["b"] < 2.3
    assert ends["a"] < 2.3
