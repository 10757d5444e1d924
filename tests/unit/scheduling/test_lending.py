import pytest

from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.tasks import Function, Task, TaskStatus
from tests.unit.scheduling.cluster import Cluster
from tests.unit.scheduling.test_dispatcher import calls


def test_a_leader_that_had_nothing_to_lend_is_asked_again_when_ranks_have_come_to_it():
    lending = Lending(slots=1)
    lending.add(1, 2)
    lending.add(2, 2)
    assert lending.sent(1, 4, 0) == [AskToLend(2, 1), AskToLend(2, 1)]
    assert lending.refused(2, 1) == []
    assert lending.moved(1, 2, 1) == [AskToLend(2, 1), AskToLend(2, 1)]


def test_ranks_count_where_they_are():
    lending = Lending(slots=1)
    lending.add(1, 2)
    lending.add(2, 0)
    lending.add(3, 1)
    assert lending.sent(1, 2, 0) == []
    assert lending.moved(1, 2, 1) == [AskToLend(3, 1)]
    assert lending.sent(2, 1, 0) == []


def test_a_leader_without_ranks_borrows_but_never_lends():
    lending = Lending(slots=1)
    lending.add(1, 1)
    lending.add(2, 0)
    assert lending.sent(1, 2, 0) == []
    assert lending.ended(1, 2, 0) == []
    assert lending.sent(2, 1, 0) == [AskToLend(1, 2)]


def test_a_rank_that_runs_one_function_at_a_time_lacks_ranks_for_two():
    lending = Lending(slots=4)
    lending.add(1, 1)
    lending.add(2, 2)
    assert lending.sent(1, 0, 1) == []
    assert lending.sent(1, 0, 1) == [AskToLend(2, 1)]
    assert lending.sent(2, 0, 1) == []


def test_a_leader_whose_functions_take_all_ranks_is_not_asked():
    lending = Lending(slots=4)
    lending.add(1, 1)
    lending.add(2, 2)
    assert lending.sent(2, 0, 2) == []
    assert lending.sent(1, 0, 2) == []
    assert lending.ended(2, 0, 1) == [AskToLend(2, 1)]


def with_a_loan():
    lending = Lending(slots=1)
    lending.add(1, 1)
    lending.add(2, 1)
    assert lending.sent(1, 2, 0) == [AskToLend(2, 1)]
    return lending


def test_what_is_unsuited_is_not_asked_for_again_before_others_wait():
    lending = with_a_loan()
    assert lending.returned(2, 1, unsuited=True) == []
    assert lending.wanted(1) == [AskToLend(2, 1)]


def test_what_was_unsuited_before_the_news_may_suit_after_them():
    lending = with_a_loan()
    assert lending.wanted(1) == []
    assert lending.returned(2, 1, unsuited=True) == [AskToLend(2, 1)]
    assert lending.returned(2, 1, unsuited=True) == []


@pytest.mark.parametrize("work", [Task("program", retries=1), Function("module:function", retries=1)])
def test_ranks_are_borrowed_for_what_was_delayed(work):
    """All fail at once, and last long when they are repeated."""
    cluster = Cluster(
        {1: (1, 2), 3: (3, 4)},
        lambda task, attempt: 10.0 if attempt else 0.01,
        status=lambda task, attempt: TaskStatus.DONE if attempt else TaskStatus.FAILED,
    )
    cluster.submit(1, calls("a", 8, work))
    cluster.run()
    assert cluster.now < 21.0


@pytest.mark.parametrize("work", [Task("program"), Function("module:function")])
def test_ranks_are_borrowed_for_what_was_given_back(work):
    """The others become free while all that is left waits on ranks, as if it were short."""
    cluster = Cluster(
        {1: (1, 2), 3: (3, 4)},
        lambda task, attempt: 0.005 if task.learner == "b" else 0.001 if task.index < 30 else 10.0,
    )
    cluster.submit(3, calls("b", 2, work))
    cluster.run(until=0.001)
    cluster.submit(1, calls("a", 38, work))
    cluster.run()
    assert cluster.now < 21.0


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_functions_find_the_ranks_of_others_whatever_the_slots(slots):
    cluster = Cluster({1: (1, 2), 3: (3, 4)}, lambda *_: 1.0, slots=slots)
    cluster.submit(1, calls("a", 8, Function("module:function")))
    cluster.run()
    assert cluster.now == 2.0


def test_a_group_whose_tasks_run_on_borrowed_ranks_lends_its_own():
    lending = Lending(slots=1)
    for leader in (1, 2, 3):
        lending.add(leader, 2)
    assert lending.sent(1, 4, 0) == [AskToLend(2, 1), AskToLend(2, 1)]
    assert lending.ended(1, 1, 0) == []
    assert lending.sent(3, 4, 0) == [AskToLend(1, 3)]
