"""No rank is idle while something waits that it could run, whichever group it is of."""

import random

import pytest

from rose_mpi.tasks import Function, Task, TaskCall, TaskId, TaskStatus
from tests.unit.scheduling.cluster import COORDINATOR, Cluster

LONG = 0.5
PROGRAM, FUNCTION = Task("program", retries=2), Function("module:function", retries=2)


class Watched(Cluster):
    """Remembers the ranks that are idle in vain, for longer than a repetition is delayed."""

    def run(self):
        self.in_vain = set()
        while self.mail or self.running:
            if not self.mail and self.running[0][0] > self.now + LONG:
                self.in_vain |= self.idle_in_vain()
            super().run(until=self.running[0][0] if self.running else self.now)

    def idle_in_vain(self):
        waiting = [each._turns for each in self.dispatchers.values() if each._turns.waiting]
        programs = any(turns.functions < turns.waiting for turns in waiting)
        return {
            (self.now, rank)
            for each in self.dispatchers.values()
            for rank in each._roster.ready
            if waiting and each._roster.is_idle(rank) and (programs or rank != COORDINATOR)
        }


def stage(rng, leader, number):
    works = rng.choice(([PROGRAM], [FUNCTION], [PROGRAM, FUNCTION]))
    ids = [TaskId(f"l{leader}", 0, f"s{number}", index) for index in range(rng.randint(1, 25))]
    return [TaskCall(task, rng.choice(works), seed=0) for task in ids]


@pytest.mark.parametrize("seed", range(100))
def test_no_rank_is_idle_while_something_waits_for_it(seed):
    rng = random.Random(seed)
    groups, first = {}, 1
    for size in [rng.randint(1, 4) for _ in range(rng.randint(2, 4))]:
        groups[first] = tuple(range(first, first + size))
        first += size
    helping = {COORDINATOR: (COORDINATOR,)} if rng.random() < 0.4 else {}
    cluster = Watched(
        groups | helping,
        duration=lambda *_: rng.choice((0.01, 1.0, 2.0, 7.0)),
        status=lambda *_: rng.choice((TaskStatus.DONE,) * 3 + (TaskStatus.FAILED,)),
        without_functions=tuple(helping),
    )
    stages = [
        (leader, stage(rng, leader, number)) for leader in groups for number in range(rng.randint(0, 3))
    ]
    for leader, calls in stages:
        moment = rng.choice((0.0, rng.random() * 20))
        cluster.at(moment, lambda leader=leader, calls=calls: cluster.submit(leader, calls))
    cluster.run()
    assert cluster.in_vain == set()
    ended = [report.result.id for report in cluster.reports if report.final]
    assert sorted(ended) == sorted(call.id for _, calls in stages for call in calls)
