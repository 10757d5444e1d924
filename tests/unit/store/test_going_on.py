"""What an interrupted run recorded, and what becomes of it when the run goes on."""

import logging
import pickle
from dataclasses import replace

import numpy as np
import pytest

from rose_mpi.events import (
    EnsembleScored,
    GroupChanged,
    LearnerFinished,
    LearnerStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    StopReason,
    TasksRepeated,
)
from rose_mpi.layout import Layout
from rose_mpi.store.contents import read_file
from rose_mpi.store.history import History
from rose_mpi.store.image import image
from rose_mpi.store.reader import read_results, read_saved
from rose_mpi.store.records import decode, encode, record_of
from rose_mpi.store.values import UNSAYABLE, registered_text
from rose_mpi.store.writer import ResultsWriter
from rose_mpi.tasks import TaskId, TaskStatus
from tests.unit.store.sample import STARTED, T0, campaign, contents, folded, iteration, task

LEARNER = LearnerStarted("entropy", "uq", (1, 2), ("mlp", "forest"), "model_accuracy", 0.93, ">=", 12)
SCORED = EnsembleScored("entropy", 2, (7, 3), (0.1 + 0.2, 1e-300), float("nan"), 0.25, 100, {"error": 0.1})
AGAIN = RunStarted("run-1", T0, 7, 2, ("n9",), "other")


def first_part():
    """Two iterations, and a third after its scoring."""
    yield STARTED
    yield LEARNER
    for number in range(2):
        yield task(number, number, iteration=number)
        yield iteration(number)
    yield task(0, 5, iteration=2)
    yield task(1, status=TaskStatus.FAILED, iteration=2, attempt=0)
    yield task(1, status=TaskStatus.CANCELLED, iteration=2, attempt=1)
    yield SCORED


def rows(run):
    return [(row.iteration, row.index, row.attempt, row.status) for row in run.tasks]


@pytest.mark.parametrize("event", [*first_part(), TasksRepeated((TaskId("a", 1, "training", 2, "m"),))])
def test_a_record_comes_back_from_its_bytes(event):
    record = record_of(event)
    assert repr(decode(encode(record))) == repr(record)


def test_a_scoring_is_kept_in_the_file_until_its_iteration_ends(tmp_path):
    path, run = tmp_path / "results.h5", folded(*first_part())
    path.write_bytes(image(run, 9, lambda: None))
    read = read_file(path).run
    assert repr(read.learners["entropy"].scored) == repr(SCORED)
    assert contents(read) == contents(run)
    run.add(record_of(iteration(2)))
    path.write_bytes(image(run, 10, lambda: None))
    assert read_file(path).run.learners["entropy"].scored is None


def test_tasks_that_are_repeated_leave_no_rows():
    run = folded(*first_part())
    run.add(TasksRepeated((TaskId("entropy", 2, "simulation", 1), TaskId("entropy", 2, "simulation", 9))))
    assert rows(run) == [(0, 0, 0, "done"), (1, 1, 0, "done"), (2, 0, 0, "done")]
    run.add(TasksRepeated((TaskId("entropy", 0, "simulation", 0),)))
    assert [row.iteration for row in run.tasks] == [1, 2]


def test_a_run_that_goes_on_keeps_what_it_has():
    stopped = [LearnerFinished("entropy", StopReason.WALLTIME, T0), RunFinished(RunStatus.STOPPED, T0 + 1)]
    run = folded(*first_part(), *stopped)
    assert (run.status, run.learners["entropy"].status) == (RunStatus.STOPPED, RunStatus.STOPPED)
    for event in (AGAIN, GroupChanged("entropy", (5,)), replace(LEARNER, group=(4,), max_iterations=20)):
        run.add(event)
    learner = run.learners["entropy"]
    assert (run.status, learner.status, run.started.hosts) == (RunStatus.RUNNING, RunStatus.RUNNING, ("n9",))
    assert (len(learner.iterations), learner.scored) == (2, SCORED)
    assert (learner.started.group, learner.started.max_iterations) == ((5,), 20)
    run.add(GroupChanged("entropy", (6,)))
    assert learner.started.group == (6,)


def test_an_iteration_that_comes_to_something_else_takes_the_place_of_all_from_there_on():
    run = folded(*campaign())
    run.add(record_of(iteration(1)))
    assert [state.iteration for state in run.learners["entropy"].iterations] == [0, 1]


def test_a_writer_goes_on_with_file_and_log(tmp_path):
    layout = Layout(tmp_path / "results.h5")
    events = list(first_part())
    first = ResultsWriter(layout)
    for event in events[:4]:
        first(event)
    first.close()
    saved = read_saved(layout.results)
    assert saved.generation == 4
    second = ResultsWriter(layout, saved=saved)
    more = [AGAIN, *events[4:]]
    for event in more:
        second(event)
    second.close()
    assert contents(read_results(layout.results)) == contents(folded(*events[:4], *more))
    assert read_saved(layout.results).generation == 4 + len(more)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"a": 1, "b": [1.5, None, {"c": "ü"}]}, '{"a": 1, "b": [1.5, null, {"c": "\\u00fc"}]}'),
        ({"n": np.int64(3), "x": np.float32(0.5)}, '{"n": 3, "x": 0.5}'),
        ({"a": (1, 2)}, "null"),
        ({"a": {1: 2}}, "null"),
        ({"a": np.zeros(3)}, "null"),
        ({"a": {1, 2}}, "null"),
    ],
)
def test_registered_state_is_said_without_a_change_or_not_at_all(state, text):
    assert registered_text(pickle.dumps(state)) == text
    assert record_of(task(0, 1, registered=pickle.dumps(state))).registered == text


def test_no_registered_state_is_no_text():
    assert registered_text(b"") == ""


def test_state_that_cannot_be_read_here_is_not_kept():
    itself = [1]
    itself.append(itself)
    assert registered_text(pickle.dumps({"itself": itself})) == UNSAYABLE
    assert registered_text(b"no pickle") == UNSAYABLE


def history(*events):
    return History(folded(*events))


def test_a_new_run_has_no_history():
    empty = History()
    assert empty.attempt(TaskId("entropy", 0, "simulation")) is None
    assert empty.state("entropy", 0) is empty.scored("entropy", 0) is None
    assert not empty.failed("entropy")
    for event in campaign():
        assert empty.news(event) is event


def test_tasks_are_found_by_their_last_attempt():
    found = history(*first_part())
    assert found.attempt(TaskId("entropy", 1, "simulation", 1)).result == "1"
    assert found.attempt(TaskId("entropy", 2, "simulation", 1)).status == "cancelled"
    assert found.attempt(TaskId("entropy", 2, "simulation", 2)) is None
    assert found.attempt(TaskId("entropy", 2, "training", 1)) is None
    assert found.attempt(TaskId("entropy", 0, "simulation", 0)).result == "0"


def test_a_history_stays_when_its_run_goes_on():
    run = folded(*first_part())
    found = History(run)
    run.add(TasksRepeated((TaskId("entropy", 0, "simulation", 0),)))
    run.add(record_of(iteration(2)))
    assert found.attempt(TaskId("entropy", 1, "simulation", 1)).result == "1"
    assert found.state("entropy", 2) is None


def test_scorings_are_found_whether_their_iteration_ended_or_not():
    found = history(*first_part())
    assert found.scored("entropy", 2) is SCORED
    assert found.scored("entropy", 1).selected == (10, 11)
    assert found.scored("entropy", 3) is found.scored("random", 0) is None


def test_what_is_recorded_is_no_news():
    found = history(*campaign())
    assert [found.news(iteration(number)) for number in range(4)] == [None, None, None, iteration(3)]
    assert found.failed("random")
    assert not found.failed("entropy")


def test_an_end_keeps_its_time_unless_something_ran():
    found = history(*campaign())
    again = LearnerFinished("entropy", StopReason.CRITERION_MET, T0 + 99)
    assert found.news(again).finished == T0 + 9
    assert found.news(replace(again, stop_reason=StopReason.STOPPED)).finished == T0 + 99
    assert found.news(RunFinished(RunStatus.DONE, T0 + 99)).finished == T0 + 10
    found.news(task(7, 1, iteration=3))
    assert found.news(again).finished == T0 + 99
    assert found.news(RunFinished(RunStatus.DONE, T0 + 99)).finished == T0 + 99


def test_an_iteration_that_comes_to_something_else_is_news_and_so_are_all_that_follow(caplog):
    found = history(*campaign())
    other = iteration(1)
    other = replace(other, state=replace(other.state, metric=0.25))
    with caplog.at_level(logging.WARNING):
        assert found.news(iteration(0)) is None
        assert found.news(other) is other
        assert found.news(iteration(2)) == iteration(2)
    assert "entropy, iteration 1 comes to something else than before" in caplog.text
