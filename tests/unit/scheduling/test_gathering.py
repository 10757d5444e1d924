"""Tasks of several ranks among those of one."""

import itertools
import random
from collections import Counter

import pytest

from rose_mpi.scheduling.instructions import Drop, GiveBack, HandOver, Kill, Recall, Report, Run, RunTogether
from rose_mpi.tasks import Function, RankArray, Task, TaskStatus
from tests.unit.scheduling.cluster import Campaign, Cluster
from tests.unit.scheduling.test_dispatcher import calls, overlaps
from tests.unit.scheduling.test_regrouping import predictions, result_of, with_ranks

NARROW = Function("module:function")


def function(ranks, **options):
    return Function("module:function", ranks=ranks, **options)


def handed_out(instructions):
    """Who was given what: ranks and stage."""
    return [
        ((each.rank,) if isinstance(each, Run) else each.ranks, each.call.id.stage)
        for each in instructions
        if isinstance(each, Run | RunTogether)
    ]


def test_two_tasks_of_several_ranks_run_side_by_side():
    cluster = Cluster({1: (1, 2, 3, 4, 5)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 1, function(2), stage="two") + calls("a", 1, function(3), stage="three"))
    cluster.run()
    assert cluster.now == 1.0
    assert [rank for _, _, rank, *_ in cluster.ran] == [1, 2, 3, 4, 5]


def test_a_task_waits_until_it_has_all_its_ranks_and_gets_each_that_becomes_free():
    dispatcher = with_ranks(1, 2, 3)
    narrow = calls("a", 9)
    dispatcher.submit(narrow, 0.0)
    assert dispatcher.submit(calls("a", 1, function(2), stage="wide"), 0.0) == []
    assert handed_out(dispatcher.finished([result_of(narrow[2], 3)], 1.0)) == []
    assert handed_out(dispatcher.finished([result_of(narrow[0], 1)], 1.0)) == [((1, 3), "wide")]
    assert handed_out(dispatcher.finished([result_of(narrow[1], 2)], 1.0)) == [((2,), "simulation")]


def test_after_a_task_of_three_ranks_three_of_one_rank_may_begin():
    dispatcher = with_ranks(1, 2, 3)
    wide = calls("a", 2, function(3), stage="wide")
    assert handed_out(dispatcher.submit(wide, 0.0)) == [((1, 2, 3), "wide")]
    narrow = calls("b", 5)
    dispatcher.submit(narrow, 0.0)
    first = handed_out(dispatcher.finished([result_of(wide[0], 1)], 1.0))
    assert first == [((rank,), "simulation") for rank in (1, 2, 3)]
    after = [
        handed_out(dispatcher.finished([result_of(call, rank)], 2.0))
        for rank, call in enumerate(narrow[:3], 1)
    ]
    assert after == [[], [], [((1, 2, 3), "wide")]]


def test_lent_ranks_are_recalled_and_borrowed_ones_not_taken():
    dispatcher = with_ranks(1, 2)
    dispatcher.lend(borrower=7)
    assert dispatcher.submit(calls("a", 1, function(2)), 0.0) == [Recall(1, 7)]
    assert dispatcher.borrow(9, owner=8, functions=True) == [GiveBack(9, 8, unsuited=True)]
    assert dispatcher.lend(borrower=7) is None
    assert handed_out(dispatcher.take_back(1)) == [((1, 2), "simulation")]


def test_a_rank_that_is_to_leave_is_not_kept():
    dispatcher = with_ranks(1, 2)
    (busy,) = calls("a", 1)
    dispatcher.submit([busy], 0.0)
    assert dispatcher.submit(calls("a", 1, function(2), stage="wide"), 0.0) == []
    assert dispatcher.release((2,), to=2) == [HandOver((2,), 2)]
    assert handed_out(dispatcher.finished([result_of(busy, 1)], 1.0)) == []
    assert handed_out(dispatcher.take((3,))) == [((1, 3), "wide")]


def test_a_cancelled_task_frees_the_ranks_that_it_kept():
    dispatcher = with_ranks(1, 2)
    busy, *rest = calls("a", 3)
    (wide,) = calls("a", 1, function(2), stage="wide")
    dispatcher.submit([busy], 0.0)
    dispatcher.submit([wide, *rest], 0.0)
    instructions = dispatcher.cancel([wide.id])
    assert instructions[0] == Drop(wide.id)
    assert handed_out(instructions) == [((2,), "simulation")]


def test_a_running_task_is_ended_by_its_lowest_rank():
    dispatcher = with_ranks(1, 2)
    (wide,) = calls("a", 1, Task("mpi", ranks=2, retries=3))
    dispatcher.submit([wide], 0.0)
    assert dispatcher.cancel([wide.id]) == [Kill(1, wide.id, 0)]
    failed = dispatcher.finished([result_of(wide, 1)], 1.0)
    assert len(failed) == 1
    assert failed[0].final


def test_a_failed_task_runs_again_on_as_many_ranks():
    cluster = Cluster({1: (1, 2, 3)}, lambda *_: 1.0, status=lambda *_: TaskStatus.FAILED)
    cluster.submit(1, calls("a", 1, function(3, retries=2)))
    cluster.run()
    assert [(report.result.attempt, report.final) for report in cluster.reports] == [
        (0, False),
        (1, False),
        (2, True),
    ]
    assert Counter(rank for *_, rank, _, _ in cluster.ran) == {1: 3, 2: 3, 3: 3}


def test_a_function_takes_no_rank_on_which_another_runs():
    dispatcher = with_ranks(1, 2, slots=2)
    narrow = calls("a", 2, NARROW)
    assert handed_out(dispatcher.submit(narrow[:1], 0.0)) == [((1,), "simulation")]
    assert dispatcher.submit(calls("a", 1, function(2), stage="wide"), 0.0) == []
    assert handed_out(dispatcher.submit(calls("a", 1, NARROW, stage="late"), 0.0)) == []
    assert handed_out(dispatcher.submit(calls("a", 1, stage="executable"), 0.0)) == [((1,), "executable")]
    assert handed_out(dispatcher.finished([result_of(narrow[0], 1)], 1.0)) == [((1, 2), "wide")]


def test_an_executable_shares_its_ranks_with_functions():
    dispatcher = with_ranks(1, 2, slots=2)
    dispatcher.submit(calls("a", 1, NARROW), 0.0)
    (wide,) = calls("a", 1, Task("mpi", ranks=2), stage="wide")
    assert handed_out(dispatcher.submit([wide], 0.0)) == [((1, 2), "wide")]
    assert handed_out(dispatcher.submit(calls("a", 1, NARROW, stage="more"), 0.0)) == [((2,), "more")]


def test_a_prediction_stays_on_the_lowest_rank():
    dispatcher = with_ranks(1, 2)
    (call,) = predictions("u", 1)
    call = type(call)(call.id, function(2), 0, call.expects)
    dispatcher.submit([call], 0.0)
    array = RankArray(1, "key")
    dispatcher.finished([result_of(call, 1, array)], 1.0)
    assert dispatcher.release((1, 2), to=9) == [HandOver((2,), 9)]
    assert dispatcher.claim("u", [array]) is None


def test_groups_with_nothing_but_wide_tasks_borrow_nothing():
    cluster = Cluster({1: (1, 2), 3: (3, 4)}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 8, function(2)))
    cluster.run()
    assert (cluster.now, cluster.loans) == (8.0, 0)


LONGEST = 5.0


class Watched(Campaign):
    """Measures how long a leader's next wide task is kept waiting.

    In time, and in attempts that end meanwhile on the ranks of the group.
    """

    def __init__(self, *words, **options):
        self.ends = Counter()
        self.since = {}
        self.delays = []
        super().__init__(*words, **options)

    def started(self, leader, ranks, run):
        if len(ranks) > 1:
            self.delays.append((self.now - self.since.pop(leader, self.now), self.ends.pop(leader, 0)))

    def obey(self, leader, instructions):
        ended = [each.result.rank for each in instructions if isinstance(each, Report)]
        self.ends[leader] += sum(self.owner.get(rank) == leader for rank in ended)
        super().obey(leader, instructions)
        if self.dispatchers[leader]._wide.waiting:
            self.since.setdefault(leader, self.now)
        else:
            self.ends[leader] = 0
            self.since.pop(leader, None)


def play(seed):
    """A random mix of tasks of one and several ranks, of learners that open and close."""
    rng = random.Random(seed)
    ranks = tuple(range(1, rng.randint(1, 9) + 1))
    size = rng.choice((None, None, 2, 3)) if len(ranks) >= 3 else None
    durations = {}
    cluster = Watched(
        ranks,
        ranks_per_learner=size,
        helping=rng.random() < 0.3,
        duration=lambda task, attempt: durations.setdefault(
            (task, attempt), rng.choice((0.0, 0.1, 1.0, LONGEST))
        ),
        status=lambda task, attempt: rng.choice((TaskStatus.DONE,) * 5 + (TaskStatus.FAILED,)),
        slots=rng.randint(1, 3),
        rng=rng if seed % 2 else None,
    )
    submitted, left = [], Counter()
    numbers = itertools.count()

    def stage(learner):
        group = cluster.placement.secure(learner, 1)
        mixed = []
        for _ in range(rng.randint(1, 12)):
            wide = rng.choice((1, 1, rng.randint(1, group)))
            assert cluster.placement.secure(learner, wide) == group
            work = rng.choice((Task("true", ranks=wide, retries=1), function(wide, retries=1)))
            mixed += calls(learner, 1, work, f"stage{next(numbers)}")
        submitted.extend(call.id for call in mixed)
        left[learner] += len(mixed)
        cluster.stage(mixed)
        if rng.random() < 0.1:
            some = [call.id for call in mixed if rng.random() < 0.5]
            cluster.at(
                cluster.now + rng.random() * 6,
                lambda: cluster.cancel(cluster.leaders[learner], some),
            )

    stages = Counter()

    def proceed(learner):
        if stages[learner]:
            stages[learner] -= 1
            stage(learner)
        else:
            cluster.close(learner)

    def settled(task, result):
        left[task.learner] -= 1
        if not left[task.learner]:
            proceed(task.learner)

    def begin(learner):
        cluster.open(learner)
        stages[learner] = rng.randint(0, 3)
        proceed(learner)

    cluster.settled = settled
    for number in range(rng.randint(1, 12)):
        cluster.at(rng.choice((0.0, rng.random() * 30)), lambda number=number: begin(f"l{number}"))
    cluster.run()
    return cluster, submitted, len(ranks)


def functions_beside_wide_ones(cluster):
    """The functions that a rank had while one of several ranks was there."""
    spans = [
        (rank, start, end, task)
        for start, end, rank, task, _ in cluster.ran
        if isinstance(cluster.calls[task].work, Function)
    ]
    return [
        (task, other)
        for rank, start, end, task in spans
        if cluster.calls[task].work.ranks > 1
        for r, s, e, other in spans
        if other != task and r == rank and s < end and start < e
    ]


@pytest.mark.parametrize("seed", range(300))
def test_in_every_mix_all_tasks_end_and_none_waits_for_ever(seed):
    cluster, submitted, ranks = play(seed)
    ended = [report.result.id for report in cluster.reports if report.final] + cluster.dropped
    assert sorted(ended) == sorted(submitted)
    assert overlaps(cluster) <= cluster.slots
    assert functions_beside_wide_ones(cluster) == []
    for leader, account in cluster.lending._accounts.items():
        assert (account.lent, account.borrowed, account.outstanding) == (0, 0, 0)
        dispatcher = cluster.dispatchers[leader]
        assert (dispatcher._wide.waiting, dispatcher._turns.waiting) == (0, 0)
        assert not dispatcher._wide._closed
        assert not +dispatcher._roster._functions
    if cluster.rng is None:
        assert max((seconds for seconds, _ in cluster.delays), default=0) <= 3 * LONGEST
    if cluster.slots == 1:
        assert max((ends for _, ends in cluster.delays), default=0) <= 2 * ranks


def test_neither_narrow_nor_wide_tasks_starve_in_a_stream_of_the_others():
    for stream, work, lone in (("narrow", Task("true"), function(4)), ("wide", function(4), Task("true"))):
        cluster = Cluster({1: (1, 2, 3, 4)}, lambda *_: 1.0)
        cluster.submit(1, calls(stream, 8, work))
        cluster.run(until=0.5)
        cluster.submit(1, calls("lone", 1, lone))
        for number in range(20):
            cluster.submit(1, calls(stream, 8, work, stage=f"stage{number}"))
            cluster.run(until=number + 1.5)
        starts = [start for start, _, _, task, _ in cluster.ran if task.learner == "lone"]
        assert starts
        assert max(starts) <= 2.0


def test_what_one_event_costs_does_not_grow_with_the_number_of_wide_tasks():
    cluster = Cluster({1: tuple(range(1, 1001))}, lambda *_: 1.0)
    cluster.submit(1, calls("a", 10_000, function(2)) + calls("a", 20_000, stage="narrow"))
    cluster.run()
    assert cluster.ended == 30_000
    assert cluster.now <= 41.0
