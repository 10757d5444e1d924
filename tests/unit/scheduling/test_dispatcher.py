import random
from collections import Counter

import pytest

from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import GiveBack
from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskStatus
from tests.unit.scheduling.cluster import Cluster


def calls(learner, count, work=None, stage="simulation"):
    work = work or Task("true")
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=0) for index in range(count)]


def overlaps(cluster):
    """The largest number of tasks that any rank ran at one moment."""
    most = 0
    for rank in {entry[2] for entry in cluster.ran}:
        moments = [(start, 1) for start, _, r, *_ in cluster.ran if r == rank]
        moments += [(end, -1) for _, end, r, *_ in cluster.ran if r == rank]
        level = 0
        for _, step in sorted(moments):
            level += step
            most = max(most, level)
    return most


def test_all_ranks_of_a_group_work_at_once():
    cluster = Cluster({1: (1, 2, 3)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 6))
    cluster.run()
    assert cluster.now == 2.0
    assert Counter(rank for *_, rank, _, _ in cluster.ran) == {1: 2, 2: 2, 3: 2}


def test_slots_bound_the_tasks_of_a_rank():
    cluster = Cluster({1: (1, 2)}, lambda *_: 1.0, slots=3)
    cluster.submit(1, calls("a", 12))
    cluster.run()
    assert cluster.now == 2.0
    assert overlaps(cluster) == 3


def test_ranks_are_filled_evenly():
    dispatcher = Dispatcher(slots=3, home=1)
    dispatcher.take((1, 2))
    assert [run.rank for run in dispatcher.submit(calls("a", 3), 0.0)] == [1, 2, 1]
    assert [run.rank for run in dispatcher.submit(calls("b", 2), 0.0)] == [2, 1]


def test_learners_of_one_group_take_turns():
    cluster = Cluster({1: (1,)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 3))
    cluster.submit(1, calls("b", 3))
    cluster.run()
    assert [entry[3].learner for entry in cluster.ran] == ["a", "a", "b", "a", "b", "b"]


def test_short_learners_do_not_starve_a_long_one():
    cluster = Cluster({1: (1,)}, lambda *_: 1.0)
    cluster.submit(1, calls("long", 5))
    for number in range(30):
        cluster.submit(1, calls(f"short-{number % 3}", 1, stage=f"stage{number}"))
        cluster.run(until=cluster.now + 1.0)
    done = [entry[3].learner for entry in cluster.ran[:24]]
    assert done.count("long") == 5


def test_a_failed_attempt_is_repeated_as_often_as_the_task_allows():
    cluster = Cluster({1: (1,)}, lambda *_: 1.0, status=lambda task, attempt: TaskStatus.FAILED)
    cluster.submit(1, calls("a", 1, Task("false", retries=2)))
    cluster.run()
    assert [(report.result.attempt, report.final) for report in cluster.reports] == [
        (0, False),
        (1, False),
        (2, True),
    ]


def test_a_retry_that_succeeds_is_the_last():
    status = lambda task, attempt: TaskStatus.DONE if attempt == 1 else TaskStatus.TIMEOUT  # noqa: E731
    cluster = Cluster({1: (1,)}, lambda *_: 1.0, status=status)
    cluster.submit(1, calls("a", 1, Task("flaky", retries=5)))
    cluster.run()
    assert [report.final for report in cluster.reports] == [False, True]


def test_cancelled_tasks_are_dropped_or_killed_and_never_repeated():
    cluster = Cluster({1: (1,)}, lambda *_: 10.0)
    stage = calls("a", 3, Task("sleep", retries=3))
    cluster.submit(1, stage)
    cluster.run(until=1.0)
    cluster.cancel(1, [call.id for call in stage])
    cluster.run()
    assert [report.result.status for report in cluster.reports] == [TaskStatus.CANCELLED]
    assert cluster.reports[0].final
    assert cluster.dropped == [call.id for call in stage[1:]]
    assert cluster.now < 10.0


def test_an_idle_group_lends_its_ranks():
    cluster = Cluster({1: (1, 2), 3: (3, 4)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 8))
    cluster.run()
    assert cluster.now == 2.0
    assert {rank for *_, rank, _, _ in cluster.ran} == {1, 2, 3, 4}


def test_a_lent_rank_comes_back_when_its_owner_needs_it():
    cluster = Cluster({1: (1,), 2: (2,)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 20))
    cluster.run(until=2.5)
    assert cluster.loans == 1
    cluster.submit(2, calls("b", 1))
    cluster.run()
    start_of_b = next(entry[0] for entry in cluster.ran if entry[3].learner == "b")
    assert start_of_b <= 4.0


def test_the_coordinator_s_rank_runs_executables_but_no_functions():
    cluster = Cluster({1: (1,), 0: (0,)}, lambda *_: 1.0, without_functions=(0,))
    cluster.submit(1, calls("a", 4))
    cluster.submit(1, calls("b", 4, Function("module:name")))
    cluster.run()
    assert {entry[3].learner for entry in cluster.ran if entry[2] == 0} == {"a"}
    assert len(cluster.ran) == 8


def test_executables_behind_functions_reach_the_coordinator_s_rank():
    cluster = Cluster({1: (1,), 0: (0,)}, lambda *_: 1.0, without_functions=(0,))
    cluster.submit(1, calls("a", 3, Function("module:name"), stage="first") + calls("a", 3))
    cluster.run()
    assert [entry[3].stage for entry in cluster.ran if entry[2] == 0] == ["simulation"] * 3


def test_a_rank_that_is_of_no_use_is_not_lent_again_and_again():
    cluster = Cluster({1: (1,), 0: (0,)}, lambda *_: 1.0, without_functions=(0,))
    cluster.submit(1, calls("a", 1) + calls("a", 20, Function("module:name"), stage="functions"))
    cluster.run()
    assert cluster.loans <= 2


@pytest.mark.parametrize(("waiting", "unsuited"), [(Task("true"), False), (Function("m:f"), True)])
def test_a_loan_that_comes_too_early_says_nothing_of_the_next(waiting, unsuited):
    dispatcher = Dispatcher(slots=1)
    dispatcher.take((1,))
    assert dispatcher.borrow(0, owner=0, functions=False) == [GiveBack(0, 0, unsuited=False)]
    dispatcher.submit(calls("a", 2, waiting), 0.0)
    instructions = dispatcher.borrow(0, owner=0, functions=False)
    assert (instructions == [GiveBack(0, 0, unsuited=True)]) is unsuited


def test_what_one_event_costs_does_not_grow_with_the_number_of_groups_and_tasks():
    groups = {leader: (leader,) for leader in range(1, 2001)}
    cluster = Cluster(groups, lambda *_: 1.0)
    cluster.submit(1, calls("a", 20_000))
    cluster.run()
    assert len(cluster.ran) == 20_000
    assert cluster.now == 10.0
    stage = calls("b", 20_000, stage="more")
    cluster.submit(1, stage)
    cluster.run(until=cluster.now)
    cluster.cancel(1, [call.id for call in reversed(stage)])
    cluster.run()
    assert len(cluster.dropped) == 18_000


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_doubled_or_idle_whatever_the_load(seed):
    rng = random.Random(seed)
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 4))]
    groups, rank = {}, 1
    for size in sizes:
        groups[rank] = tuple(range(rank, rank + size))
        rank += size
    slots = rng.randint(1, 2)
    durations = {}
    cluster = Cluster(
        groups,
        lambda task, attempt: durations.setdefault(task, rng.choice([0.0, 0.1, 1.0, 5.0])),
        slots=slots,
    )
    submitted = 0
    for number in range(rng.randint(1, 6)):
        count = rng.randint(0, 30)
        cluster.submit(rng.choice(list(groups)), calls(f"learner-{number}", count))
        submitted += count
        cluster.run(until=cluster.now + rng.random() * 5)
    cluster.run()
    assert len({report.result.id for report in cluster.reports}) == submitted == len(cluster.ran)
    assert overlaps(cluster) <= slots


def test_uneven_learners_end_within_a_tenth_of_a_list_schedule():
    lengths = {f"learner-{number}": 1.0 + number for number in range(8)}
    cluster = Cluster({1: (1,), 2: (2,), 3: (3,), 4: (4,)}, lambda task, attempt: lengths[task.learner])
    for number, learner in enumerate(lengths):
        cluster.submit(1 + number % 4, calls(learner, 10))
    cluster.run()
    assert cluster.now <= 1.1 * (10 * sum(lengths.values()) / 4 + max(lengths.values()))
