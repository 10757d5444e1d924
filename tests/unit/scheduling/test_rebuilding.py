"""What becomes of ranks, tasks and arrays when some ranks are lost."""

import pytest

from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import HandOver, Recall, Run
from rose_mpi.scheduling.placement import Placement
from rose_mpi.scheduling.rebuilding import Held, Outstanding, rebuild
from rose_mpi.tasks import Expects, Function, RankArray, Task, TaskCall, TaskId, TaskResult, TaskStatus


def call(learner, index=0, work=None, expects=Expects.ANYTHING):
    return TaskCall(TaskId(learner, 0, "s", index), work or Task("true"), seed=0, expects=expects)


def predicting(learner, index=0):
    return call(learner, index, Function("f"), Expects.PREDICTION)


def book(*entries):
    """Tasks that have not ended: (call, attempt that is next, leader)."""
    return {each.id: Outstanding(each, attempt, leader) for each, attempt, leader in entries}


def held(each, attempt=0, running=True):
    return Held(each.id, attempt, 1.0, running)


def test_what_runs_goes_on_and_what_nobody_has_waits():
    runs, lost = call("a", 0), call("a", 1)
    estates = rebuild({1: (1, 2)}, book((runs, 0, 1), (lost, 3, 1)), {1: [held(runs)], 2: []}, {})
    estate = estates[1]
    assert estate.ranks == [1, 2]
    assert [(each.call, each.attempt, each.rank, each.running) for each in estate.running] == [
        (runs, 0, 1, True)
    ]
    assert estate.waiting == [(lost, 3)]


@pytest.mark.parametrize("attempt", [0, 2])
def test_another_attempt_than_the_one_that_is_next_does_not_go_on(attempt):
    task = call("a")
    estates = rebuild({1: (1,)}, book((task, 1, 1)), {1: [held(task, attempt)]}, {})
    assert (estates[1].running, estates[1].waiting) == ([], [(task, 1)])


def test_no_attempt_goes_on_twice():
    task = call("a")
    estates = rebuild({1: (1, 2)}, book((task, 0, 1)), {1: [held(task)], 2: [held(task)]}, {})
    assert [each.rank for each in estates[1].running] == [1]
    assert estates[1].waiting == []


def test_a_task_of_several_ranks_begins_again():
    wide = call("a", work=Task("true", ranks=2))
    estates = rebuild({1: (1, 2)}, book((wide, 0, 1)), {1: [held(wide)], 2: [held(wide)]}, {})
    assert (estates[1].running, estates[1].waiting) == ([], [(wide, 0)])


def test_a_rank_that_runs_another_leaders_task_is_lent_to_it():
    task = call("b")
    estates = rebuild({1: (1, 2), 3: (3,)}, book((task, 0, 3)), {2: [held(task)]}, {})
    assert estates[1].lent == {2: 3}
    assert [*estates[3].borrowed] == [2]
    assert estates[3].borrowed[2].owner == 1
    assert estates[1].at_hand() == [1]
    assert estates[3].at_hand() == [3, 2]


def test_what_has_ended_is_told_whatever_becomes_of_its_rank():
    task = call("b")
    estates = rebuild({1: (1,), 2: (2,)}, book((task, 0, 2)), {1: [held(task, running=False)]}, {})
    assert (estates[1].lent, estates[2].borrowed) == ({}, {})
    assert [(each.rank, each.running) for each in estates[2].running] == [(1, False)]


def test_a_rank_stays_with_the_leader_of_its_predictions_and_leaves_later():
    array = RankArray(2, "key")
    estates = rebuild({1: (1, 2), 3: (3,)}, {}, {}, {array: (3, "b")})
    assert estates[3].ranks == [2, 3]
    assert estates[3].arrays == [("b", array)]
    assert estates[3].leaving == {2: 1}


def test_a_prediction_goes_on_only_where_its_learner_scores_it():
    here, there = predicting("b", 0), predicting("b", 1)
    kept = {RankArray(2, "key"): (1, "a")}
    estates = rebuild(
        {1: (1, 2), 3: (3,)}, book((here, 0, 3), (there, 0, 3)), {1: [held(here)], 2: [held(there)]}, kept
    )
    assert [each.call for each in estates[3].running] == [here]
    assert estates[3].ranks == [1, 3]
    assert estates[3].waiting == [(there, 0)]


def result(each, rank, attempt=0):
    return TaskResult(each.id, attempt, TaskStatus.DONE, rank, "host", 1.0, 2.0, 3.0)


def test_a_leader_begins_with_its_estate():
    runs, ended, lost, next_one = (call("a", index) for index in range(4))
    tasks = book((runs, 0, 1), (ended, 0, 1), (lost, 0, 1), (next_one, 0, 1))
    (estate,) = rebuild({1: (1, 2)}, tasks, {1: [held(runs)], 2: [held(ended, running=False)]}, {}).values()
    dispatcher = Dispatcher(slots=1)
    assert [(each.rank, each.call) for each in dispatcher.inherit(estate, 5.0)] == [(2, lost)]
    told = dispatcher.finished([result(ended, 2)], 6.0)
    assert [type(each).__name__ for each in told] == ["Report"]
    (_, run) = dispatcher.finished([result(runs, 1)], 6.0)
    assert isinstance(run, Run)
    assert (run.rank, run.call) == (1, next_one)


def test_a_busy_rank_of_another_group_leaves_when_it_is_idle():
    task, array = call("b"), RankArray(2, "key")
    estates = rebuild({1: (1, 2), 3: (3,)}, book((task, 0, 3)), {2: [held(task)]}, {array: (3, "b")})
    dispatcher = Dispatcher(slots=1)
    assert dispatcher.inherit(estates[3], 0.0) == []
    dispatcher.finished([result(task, 2)], 1.0)
    assert dispatcher.claim("b", [array]) is None
    ranks = dispatcher.begin_scoring([array])
    assert ranks == (2, 3)
    assert dispatcher.end_scoring(ranks, [array]) == [HandOver((2,), 1)]


def test_a_lent_rank_is_asked_for_when_it_is_needed():
    theirs, own, more = call("b"), call("a", 0), call("a", 1)
    tasks = book((theirs, 0, 3), (own, 0, 1), (more, 0, 1))
    estates = rebuild({1: (1, 2), 3: (3,)}, tasks, {1: [held(own)], 2: [held(theirs)]}, {})
    dispatcher = Dispatcher(slots=1)
    assert dispatcher.inherit(estates[1], 0.0) == [Recall(2, 3)]


def placed(ranks, *learners, size=None):
    placement = Placement(ranks, size)
    placement.open(learners)
    return placement


def test_a_lost_leader_is_succeeded_by_the_next_rank_of_its_group():
    placement = placed((1, 2, 3, 4), "a", "b")
    assert placement.lost(1) == {"a": (2,)}
    assert (placement.leader("a"), placement.leader("b")) == (2, 3)
    assert placement.groups == {2: (2,), 3: (3, 4)}


def test_learners_without_ranks_get_some_of_the_others():
    placement = placed((1, 2, 3), "a", "b")
    assert placement.groups == {1: (1, 2), 3: (3,)}
    assert placement.lost(3) == {"b": (2,), "a": (1,)}
    assert placement.lost(1) == {"a": (2,)}
    assert placement.leader("a") == placement.leader("b") == 2


def test_free_ranks_serve_those_that_lost_theirs():
    placement = placed((1, 2, 3), "a", "b", size=1)
    assert placement.groups == {2: (2,), 3: (3,), 1: (1,)}
    assert placement.lost(3) == {"b": (1,)}
    assert placement.lost(2) == {"a": (1,)}


def test_a_free_rank_is_lost_without_harm():
    placement = placed((1, 2, 3), "a", size=1)
    assert placement.groups == {3: (3,), 1: (1, 2)}
    assert placement.lost(1) == {}
    assert placement.groups == {3: (3,), 2: (2,)}
    placement.open(("b",))
    assert placement.leader("b") == 2


def test_an_attempt_that_a_rank_has_twice_is_the_one_that_ended():
    task = call("a")
    estates = rebuild({1: (1,)}, book((task, 0, 1)), {1: [held(task), held(task, running=False)]}, {})
    assert [(each.rank, each.running) for each in estates[1].running] == [(1, False)]
