"""Ranks that move between leaders while learners open, work, score and close."""

import itertools
import random

import pytest

from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import Discard, HandOver, Recall, Run
from rose_mpi.tasks import Expects, Function, RankArray, Task, TaskCall, TaskId, TaskResult, TaskStatus
from tests.unit.scheduling.cluster import Campaign
from tests.unit.scheduling.test_dispatcher import calls, overlaps

PREDICT = Function("module:predict")


def predictions(learner, count, stage="prediction"):
    ids = [TaskId(learner, 0, stage, index) for index in range(count)]
    return [TaskCall(task, PREDICT, 0, Expects.PREDICTION) for task in ids]


def result_of(call, rank, value=None):
    return TaskResult(call.id, 0, TaskStatus.DONE, rank, "host", 0.0, 0.0, 1.0, value)


def with_ranks(*ranks, slots=1):
    dispatcher = Dispatcher(slots)
    dispatcher.take(ranks)
    return dispatcher


def ran_on(instructions):
    return [instruction.rank for instruction in instructions if isinstance(instruction, Run)]


def test_idle_ranks_are_handed_over_at_once_and_together():
    dispatcher = with_ranks(1, 2, 3)
    assert dispatcher.release((2, 3), to=2) == [HandOver((2, 3), 2)]
    assert ran_on(dispatcher.submit(calls("a", 3), 0.0)) == [1]


def test_a_busy_rank_gets_nothing_new_and_is_handed_over_when_its_task_ends():
    dispatcher = with_ranks(1, 2)
    stage = calls("a", 4)
    assert ran_on(dispatcher.submit(stage, 0.0)) == [1, 2]
    assert dispatcher.release((2,), to=2) == []
    assert dispatcher.finished([result_of(stage[1], 2)], 1.0)[1:] == [HandOver((2,), 2)]
    assert ran_on(dispatcher.finished([result_of(stage[0], 1)], 1.0)) == [1]


def test_a_rank_with_several_tasks_leaves_after_the_last():
    dispatcher = with_ranks(1, 2, slots=2)
    stage = calls("a", 6)
    assert ran_on(dispatcher.submit(stage, 0.0)) == [1, 2, 1, 2]
    dispatcher.release((2,), to=2)
    assert len(dispatcher.finished([result_of(stage[1], 2)], 1.0)) == 1
    assert dispatcher.finished([result_of(stage[3], 2)], 1.0)[1:] == [HandOver((2,), 2)]


def test_a_lent_rank_is_recalled_and_then_handed_over():
    dispatcher = with_ranks(1, 2)
    assert dispatcher.lend(borrower=7).rank == 1
    assert dispatcher.release((1, 2), to=2) == [Recall(1, 7), HandOver((2,), 2)]
    assert dispatcher.take_back(1) == [HandOver((1,), 2)]
    assert dispatcher.lend(borrower=7) is None


def test_an_order_to_leave_may_come_before_the_rank():
    dispatcher = with_ranks(1)
    assert dispatcher.release((5,), to=6) == []
    assert dispatcher.take((5,)) == [HandOver((5,), 6)]
    assert dispatcher.take((5,)) == []
    assert ran_on(dispatcher.submit(calls("a", 2), 0.0)) == [1, 5]


def test_a_rank_may_be_on_its_way_back_before_it_has_left():
    dispatcher = with_ranks(1)
    (call,) = calls("a", 1)
    dispatcher.submit([call], 0.0)
    dispatcher.release((1,), to=2)
    dispatcher.release((1,), to=3)
    assert dispatcher.finished([result_of(call, 1)], 1.0)[1:] == [HandOver((1,), 2)]
    assert dispatcher.take((1,)) == [HandOver((1,), 3)]


def test_a_rank_stays_until_what_it_keeps_is_scored():
    dispatcher = with_ranks(1, 2)
    stage = predictions("u", 2)
    dispatcher.submit(stage, 0.0)
    dispatcher.release((2,), to=2)
    arrays = [RankArray(1, "one"), RankArray(2, "two")]
    for call, array in zip(stage, arrays, strict=True):
        assert len(dispatcher.finished([result_of(call, array.rank, array)], 1.0)) == 1
    assert dispatcher.claim("u", arrays) is None
    assert dispatcher.claim("u", arrays) == arrays[0]
    assert dispatcher.begin_scoring(arrays) == (1, 2)
    assert dispatcher.end_scoring((1, 2), arrays) == [HandOver((2,), 2)]


def test_ranks_that_are_to_leave_do_not_score_what_they_do_not_keep():
    dispatcher = with_ranks(1, 2, 3)
    (call,) = calls("a", 1)
    dispatcher.submit([call], 0.0)
    dispatcher.release((1,), to=9)
    assert dispatcher.begin_scoring(()) == (2, 3)
    assert dispatcher.release((2,), to=9) == []
    assert dispatcher.end_scoring((2, 3), ()) == [HandOver((2,), 9)]


def test_without_ranks_nobody_scores():
    dispatcher = Dispatcher(slots=1)
    assert dispatcher.begin_scoring(()) == ()


def test_what_a_closed_learner_left_is_discarded():
    dispatcher = with_ranks(1)
    first, second, third = predictions("u", 3)
    dispatcher.submit([first, second, third], 0.0)
    dispatcher.finished([result_of(first, 1, RankArray(1, "kept"))], 1.0)
    dispatcher.cancel([second.id, third.id])
    assert dispatcher.release((1,), to=2) == []
    assert dispatcher.close("u") == [Discard(1, ("kept",))]
    late = dispatcher.finished([result_of(second, 1, RankArray(1, "late"))], 2.0)
    assert late[1:] == [Discard(1, ("late",)), HandOver((1,), 2)]


def test_an_ordered_scoring_goes_on_when_its_learner_closes():
    dispatcher = with_ranks(1)
    (call,) = predictions("u", 1)
    dispatcher.submit([call], 0.0)
    array = RankArray(1, "kept")
    dispatcher.finished([result_of(call, 1, array)], 1.0)
    dispatcher.claim("u", [array])
    dispatcher.release((1,), to=2)
    assert dispatcher.close("u") == []
    assert dispatcher.begin_scoring([array]) == (1,)
    assert dispatcher.end_scoring((1,), [array]) == [HandOver((1,), 2)]


def test_a_learner_that_opens_beside_a_busy_one_does_not_wait_for_its_end():
    cluster = Campaign((1, 2, 3, 4), duration=lambda *_: 1.0)
    cluster.open("a")
    cluster.stage(calls("a", 40))
    cluster.run(until=2.5)
    cluster.open("b")
    cluster.stage(calls("b", 4))
    cluster.run()
    ends = [end for _, end, _, task, _ in cluster.ran if task.learner == "b"]
    assert max(ends) == 5.0
    assert cluster.now == 11.0


def test_a_rank_whose_tasks_outlast_a_move_borrows_nothing_in_vain():
    """Ranks that are to leave count as long as they are here, or loans would go to and fro without end."""
    cluster = Campaign((1, 2, 3, 4, 5, 6), duration=lambda *_: 100.0)
    cluster.open("a", "other")
    cluster.close("other")
    cluster.stage(calls("a", 3))
    cluster.run(until=1.0)
    cluster.open("b", "c", "d", "e")
    cluster.run(until=50.0)
    assert cluster.loans == 0


class Learner:
    """Opens, runs some stages, perhaps scores what they left, perhaps ends early, and closes."""

    def __init__(self, cluster, name, rng):
        self.cluster, self.name, self.rng = cluster, name, rng
        self.stages = rng.randint(0, 4)
        self.scores = rng.random() < 0.6
        self.sleepy = rng.choice((0.0, 0.0, 3.0))
        self.waiting, self.arrays, self.cancelled, self.done = {}, [], [], False
        self.numbers = itertools.count()

    def proceed(self):
        if self.rng.random() < 0.1 or not self.stages:
            self.cluster.close(self.name)
            self.done = True
            return
        self.stages -= 1
        stage, count = f"stage{next(self.numbers)}", self.rng.randint(1, 9)
        if self.scores:
            chosen = predictions(self.name, count, stage)
        else:
            work = self.rng.choice((Task("true", retries=1), Function("module:function", retries=1)))
            chosen = calls(self.name, count, work, stage)
        self.waiting = dict.fromkeys(call.id for call in chosen)
        self.cluster.submitted += self.waiting
        self.cluster.stage(chosen)
        if self.rng.random() < 0.1:
            self.cluster.at(self.cluster.now + self.rng.random() * 6, self.cancel)

    def cancel(self):
        if self.done or not self.waiting:
            return
        self.cluster.cancel(self.cluster.leaders[self.name], list(self.waiting))
        self.cluster.close(self.name)
        self.cancelled, self.waiting, self.done = list(self.waiting), {}, True

    def settled(self, task, result):
        if self.done:
            return
        del self.waiting[task]
        if result and isinstance(result.value, RankArray):
            self.arrays.append(result.value)
        if self.waiting:
            return
        if self.scores and self.rng.random() < 0.8:
            arrays, self.arrays = self.arrays, []
            self.cluster.score(self.name, arrays, self.proceed)
        else:
            self.proceed()


def play(seed):
    rng = random.Random(seed)
    ranks = tuple(range(1, rng.randint(1, 9) + 1))
    durations = {}
    cluster = Campaign(
        ranks,
        ranks_per_learner=rng.choice((None, None, None, 1, 2)) if len(ranks) > 1 else None,
        helping=rng.random() < 0.3,
        duration=lambda task, attempt: durations.setdefault(
            (task, attempt), rng.choice((0.0, 0.1, 1.0, 5.0))
        ),
        status=lambda task, attempt: rng.choice((TaskStatus.DONE,) * 5 + (TaskStatus.FAILED,)),
        slots=rng.randint(1, 2),
        rng=rng,
    )
    cluster.submitted = []
    learners = {}
    cluster.settled = lambda task, result: learners[task.learner].settled(task, result)

    def begin(names):
        cluster.open(*names)
        for name in names:
            learners[name] = Learner(cluster, name, rng)
            cluster.at(cluster.now + learners[name].sleepy, learners[name].proceed)

    for number in range(rng.randint(1, 40)):
        names = [f"{number}-{twin}" for twin in range(rng.choice((1, 1, 1, 3)))]
        cluster.at(rng.random() * 60, lambda names=names: begin(names))
    cluster.run()
    return cluster, learners


@pytest.mark.parametrize("seed", range(300))
def test_whatever_opens_and_closes_every_task_ends_once_and_every_rank_has_one_leader(seed):
    cluster, learners = play(seed)
    assert all(learner.done for learner in learners.values())
    ended = [report.result.id for report in cluster.reports if report.final] + cluster.dropped
    assert sorted(ended) == sorted(cluster.submitted)
    assert overlaps(cluster) <= cluster.slots
    assert cluster.arrays == {}
    assert not cluster.scoring
    owned = [(rank, leader) for leader, each in cluster.dispatchers.items() for rank in each._roster.own]
    assert sorted(owned) == sorted(cluster.owner.items())
    planned = {rank: rank for rank in (0,) if rank in cluster.groups}
    for group in (*cluster.placement._free.values(), *cluster.placement._serving.values()):
        planned |= dict.fromkeys(group.ranks, group.leader)
    assert cluster.owner == planned
    for leader, account in cluster.lending._accounts.items():
        assert account.ranks == list(planned.values()).count(leader)
        assert (account.lent, account.borrowed, account.outstanding) == (0, 0, 0)
