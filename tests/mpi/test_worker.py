"""One rank's tasks, as leaders come and go; each rank tests its own."""

from __future__ import annotations

import os
import time
import uuid
from collections import deque

import pytest

from rose_mpi.execution.context import RunContext
from rose_mpi.execution.gpus import Gpus
from rose_mpi.execution.launcher import sessions_of
from rose_mpi.layout import Layout
from rose_mpi.mpi.loss_messages import Adopt, TellAgain
from rose_mpi.mpi.messages import KillTask, RunTask, TaskEnded, TasksReturned
from rose_mpi.mpi.outcomes import REMEMBERED
from rose_mpi.mpi.worker import Worker
from rose_mpi.tasks import Task, TaskCall, TaskId, TaskStatus

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

LEADER, HEIR = 5, 7
LASTS = Task("/bin/sleep 30")
SHORT = Task("/bin/true")


class Links:
    """Stands for the channel, the engine thread and the serving thread of the rank."""

    rank = 3
    epoch = 0

    def __init__(self):
        self.sent = deque()

    def send(self, rank, message):
        self.sent.append((rank, message))

    def post(self, action):
        action()

    def later(self, seconds, action):
        pass

    def submit(self, call):
        call()


class Rank:
    def __init__(self, folder, gpus=()):
        self.links = Links()
        self.run_name = f"test-{uuid.uuid4().hex}"
        context = RunContext(
            run=self.run_name,
            root=str(folder),
            layout=Layout(folder / "results.h5"),
            rank=3,
            host="here",
            cpus=frozenset(os.sched_getaffinity(0)),
            gpus=Gpus(names=gpus, variable="CUDA_VISIBLE_DEVICES", bound=False),
        )
        self.worker = Worker(context, self.links, self.links, self.links, 1)

    def run(self, index, work, waits=False):
        task = self.order(index, work, waits)
        self.worker.flush()
        return task

    def order(self, index, work, waits=False):
        call = TaskCall(TaskId("a", 0, "s", index), work, seed=0)
        self.worker.run(LEADER, RunTask(call, 0, 0.0, keep=False, waits=waits))
        return call.id

    def told(self, kind, seconds=20.0):
        """The next message of a kind, and who gets it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.worker.collect()
            while self.links.sent:
                rank, message = self.links.sent.popleft()
                if isinstance(message, kind):
                    return rank, message
            time.sleep(0.005)
        pytest.fail(f"no {kind.__name__}")

    def held(self):
        return {(each.task.index, each.running) for each in self.worker.orphan()}


@pytest.fixture
def rank(tmp_path):
    rank = Rank(tmp_path)
    yield rank
    rank.worker.close()


def test_what_waits_behind_one_that_lasts_goes_back_to_its_leader(rank):
    rank.run(0, LASTS)
    tasks = (rank.run(1, SHORT, waits=True), rank.run(2, SHORT, waits=True))
    assert rank.told(TasksReturned) == (LEADER, TasksReturned(tasks))


def test_what_waits_without_a_leader_goes_back_to_the_one_that_adopts_it(rank):
    lasts, waits = rank.run(0, LASTS), rank.run(1, SHORT, waits=True)
    assert rank.held() == {(0, True), (1, True)}
    for _ in range(10):
        time.sleep(0.01)
        rank.worker.collect()
    assert not rank.links.sent
    rank.worker.adopt(HEIR, Adopt(((lasts, 0), (waits, 0))))
    assert rank.told(TasksReturned) == (HEIR, TasksReturned((waits,)))


def test_what_nobody_adopts_never_begins(rank):
    lasts, waits = rank.run(0, LASTS), rank.run(1, Task("/bin/sleep 29"), waits=True)
    rank.worker.orphan()
    time.sleep(0.2)  # the helper gives it back, and nobody has read that yet
    rank.worker.adopt(HEIR, Adopt(((lasts, 0),)))
    rank.worker.collect()
    assert rank.held() == {(0, True)}
    rank.worker.adopt(HEIR, Adopt(((waits, 0),)))
    assert rank.told(TasksReturned) == (HEIR, TasksReturned((waits,)))


def test_what_nobody_adopts_is_ended_and_not_told_as_a_result(rank):
    rank.run(0, LASTS)
    rank.worker.orphan()
    rank.worker.adopt(HEIR, Adopt(()))
    assert rank.held() == set()
    until = time.monotonic() + 20
    while rank.worker._running and time.monotonic() < until:
        rank.worker.collect()
        time.sleep(0.01)
    assert rank.held() == set()
    assert not rank.links.sent


def test_a_cancelled_attempt_is_no_result_after_a_loss(rank):
    task = rank.run(0, LASTS)
    rank.worker.kill(KillTask(task, 0))
    _, ended = rank.told(TaskEnded)
    assert ended.results[0].status is TaskStatus.CANCELLED
    assert rank.held() == set()


def test_a_process_is_ended_that_the_helper_has_not_been_told_of(rank):
    task = rank.order(0, LASTS)
    rank.worker.kill(KillTask(task, 0))
    _, ended = rank.told(TaskEnded)
    assert ended.results[0].status is TaskStatus.CANCELLED


def test_what_has_ended_is_told_again_and_what_is_forgotten_begins_again(rank):
    task = rank.run(0, SHORT)
    rank.told(TaskEnded)
    forgotten = TaskId("a", 0, "s", REMEMBERED)
    assert rank.held() == {(0, False)}
    rank.worker.adopt(HEIR, Adopt(((task, 0), (forgotten, 0))))
    rank.worker.tell_again(HEIR, TellAgain(((task, 0), (forgotten, 0))))
    sent = [*rank.links.sent]
    assert {heir for heir, _ in sent} == {HEIR}
    ended, returned = (
        [each for _, each in sent if isinstance(each, kind)] for kind in (TaskEnded, TasksReturned)
    )
    assert [[result.id for result in each.results] for each in ended] == [[task], [task]]
    assert returned == [TasksReturned((forgotten,))] * 2


def test_an_attempt_that_has_ended_here_and_runs_here_is_told_once(rank):
    task = rank.run(0, SHORT)
    rank.told(TaskEnded)
    rank.run(0, LASTS)
    assert rank.held() == {(0, False), (0, True)}
    rank.worker.adopt(HEIR, Adopt(((task, 0),)))
    assert rank.told(TaskEnded)[0] == HEIR
    until = time.monotonic() + 20
    while rank.worker._running and time.monotonic() < until:
        rank.worker.collect()
        time.sleep(0.01)
    assert not rank.links.sent


def test_an_attempt_that_is_being_ended_here_does_not_begin_beside_itself(rank):
    stubborn = Task("trap '' TERM; echo up; while :; do sleep 1; done", shell=True)
    task = rank.run(0, stubborn)
    time.sleep(0.3)
    rank.worker.orphan()
    rank.worker.adopt(HEIR, Adopt(()))
    rank.run(0, SHORT)
    assert rank.told(TasksReturned) == (LEADER, TasksReturned((task,)))
    until = time.monotonic() + 20
    while rank.worker._running and time.monotonic() < until:
        rank.worker.collect()
        time.sleep(0.01)
    rank.run(0, SHORT)
    assert rank.told(TaskEnded)[1].results[0].status is TaskStatus.DONE


def test_a_program_without_gpus_does_not_wait_for_one_with(tmp_path):
    rank = Rank(tmp_path, gpus=("0",))
    rank.run(0, Task("/bin/sleep 30", gpus_per_rank=1))
    rank.run(1, Task("/bin/sleep 30", gpus_per_rank=1))
    plain = rank.run(2, SHORT)
    _, ended = rank.told(TaskEnded)
    rank.worker.close()
    assert [result.id for result in ended.results] == [plain]


def test_what_launchers_left_is_removed_at_the_end(tmp_path):
    rank = Rank(tmp_path)
    left = sessions_of(rank.run_name, rank.links.rank) / "ompi.1"
    left.mkdir(parents=True)
    rank.worker.close()
    assert not left.parent.exists()
