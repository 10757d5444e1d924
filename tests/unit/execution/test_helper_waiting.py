"""Processes that wait at the helper process for those that run."""

import itertools
import select
import time

import pytest
from msgspec.structs import replace

from rose_mpi.execution.spawned import Exited
from rose_mpi.execution.waiting import LATE_SECONDS
from tests.unit.execution.support import Runner, eventually, marked


@pytest.fixture
def pair(tmp_path, run_name):
    """Two processes run at a time."""
    runner = Runner(tmp_path, run_name, slots=2)
    yield runner
    runner.helper.close()


def wait_in_line(runner: Runner, token: str, *argv: str) -> None:
    runner.helper.start(replace(runner.spawn(token, *argv), waits=True))


def all_ended(runner: Runner, count: int, *argv: str) -> list[Exited]:
    """Wait for so many ends; what a busy machine gives back waits again."""
    ended: list[Exited] = []

    def collect() -> bool:
        ended.extend(runner.helper.poll())
        for token in runner.helper.take_returned():
            wait_in_line(runner, token, *argv)
        return len(ended) == count

    assert eventually(collect)
    return ended


def returned(runner: Runner, count: int) -> list[str]:
    """What is given back, and nothing that ended meanwhile."""
    tokens: list[str] = []

    def collect() -> bool:
        assert runner.helper.poll() == []
        tokens.extend(runner.helper.take_returned())
        return len(tokens) >= count

    assert eventually(collect)
    return tokens


def overlapping(ended) -> int:
    """The most that ran at a time."""
    return max(sum(a.started <= b.started < a.finished for a in ended) for b in ended)


def test_they_run_one_after_another_in_their_order(runner):
    runner.start("first", "/bin/true")
    for number in range(8):
        wait_in_line(runner, str(number), "/bin/true")
    ended = all_ended(runner, 9, "/bin/true")
    assert [each.token for each in ended] == ["first", *map(str, range(8))]
    assert all(before.finished <= after.started for before, after in itertools.pairwise(ended))
    assert {each.exit_code for each in ended} == {0}


def test_as_many_run_at_a_time_as_may(pair):
    for token in "ab":
        pair.start(token, "/bin/sleep", "0.005")
    for number in range(8):
        wait_in_line(pair, str(number), "/bin/sleep", "0.005")
    assert overlapping(all_ended(pair, 10, "/bin/sleep", "0.005")) == 2


def test_one_begins_at_once_where_nothing_runs(runner):
    wait_in_line(runner, "only", "/bin/sleep", "0.1")
    assert runner.wait()[0].exit_code == 0


def test_one_that_need_not_wait_begins_beside_those_that_run(runner):
    runner.start("a", "/bin/sleep", "0.2")
    runner.start("b", "/bin/sleep", "0.2")
    assert overlapping(runner.wait(2)) == 2


def test_those_behind_one_that_lasts_are_given_back_unbegun(runner):
    start = time.monotonic()
    runner.start("lasts", "/bin/sleep", "30")
    for token in "bcd":
        wait_in_line(runner, token, "/bin/echo", token)
    assert returned(runner, 3) == ["b", "c", "d"]
    assert LATE_SECONDS <= time.monotonic() - start < 10
    runner.helper.kill("lasts")
    assert [each.token for each in runner.wait()] == ["lasts"]
    assert not any(runner.log(f"{token}.out").exists() for token in "bcd")


def test_what_was_given_back_can_be_started_again(runner):
    runner.start("lasts", "/bin/sleep", "30")
    wait_in_line(runner, "b", "/bin/echo", "b")
    assert returned(runner, 1) == ["b"]
    runner.helper.kill("lasts")
    wait_in_line(runner, "b", "/bin/echo", "b")
    assert all_ended(runner, 2, "/bin/echo", "b")[1].last_line == "b"


def test_one_that_is_killed_while_it_waits_never_begins(runner):
    runner.start("lasts", "/bin/sleep", "30")
    wait_in_line(runner, "b", "/bin/echo", "b")
    runner.helper.kill("b")
    (killed,) = runner.wait()
    assert (killed.token, killed.killed, killed.error) == ("b", True, "cancelled before it began")
    assert not runner.log("b.out").exists()


def test_one_that_cannot_be_started_lets_the_next_begin(runner):
    runner.start("a", "/bin/true")
    wait_in_line(runner, "missing", "/no/such/program")
    wait_in_line(runner, "c", "/bin/true")
    ended = {each.token: each for each in all_ended(runner, 3, "/bin/true")}
    assert "no such file" in ended["missing"].error
    assert ended["c"].exit_code == 0


def test_ends_are_told_together_while_others_wait(runner):
    runner.start("first", "/bin/true")
    for number in range(200):
        wait_in_line(runner, str(number), "/bin/true")
    told: list[int] = []
    while sum(told) < 201:
        select.select([runner.helper], [], [], 30)
        told.append(len(runner.helper.poll()))
        for token in runner.helper.take_returned():
            wait_in_line(runner, token, "/bin/true")
    assert len(told) < 100


def test_nothing_begins_any_more_once_the_helper_closes(runner, run_name):
    runner.start("lasts", "/bin/sleep", "30")
    wait_in_line(runner, "b", "/bin/sleep", "30")
    runner.helper.close()
    assert eventually(lambda: not marked(run_name))
    assert not runner.log("b.out").exists()
