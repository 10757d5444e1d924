"""What a run came to."""

import io
from pathlib import Path

import pytest

from rose_mpi.cli.summary import SummaryCollector
from rose_mpi.events import StopReason
from rose_mpi.layout import Layout
from rose_mpi.tasks import TaskId
from tests.unit.cli import story


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "results.h5")


def summary_of(events, layout):
    collector = SummaryCollector()
    for event in events:
        collector(event)
    stream = io.StringIO()
    collector.print(stream, layout)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_summary(layout):
    lines = summary_of(story.digits(), layout)
    assert lines[0].split() == ["learner", "iterations", "queried", "labels", "model_accuracy", "stopped"]
    assert lines[1].split() == ["random", "5", "100", "120", "0.9", "max_iterations", "reached"]
    assert lines[2].split() == ["entropy", "3", "60", "80", "0.9", "criterion", "met"]
    assert lines[3].split() == ["broken", "0", "0", "-", "-", "failed"]
    assert lines[4] == (
        "best: entropy (met its criterion: 60 candidates queried, 3 iterations, model_accuracy 0.9)"
    )
    assert lines[5:] == ["broken failed: task broken.0.training.0.a failed: exit code 1"]


def test_the_log_of_a_failed_task_is_named_where_there_is_one(layout):
    log = layout.stderr(TaskId("broken", 0, "training", model="a"), 0)
    log.parent.mkdir(parents=True)
    log.write_text("traceback")
    assert summary_of(story.digits(), layout)[-1] == f"  log: {log}"


def test_four_state_columns_at_most(layout):
    states = {f"s{number}": number for number in range(6)}
    events = [story.learner_started("a"), story.iteration("a", 0, **states), story.learner_finished("a")]
    assert summary_of(events, layout)[0].split()[3:-2] == ["s0", "s1", "s2", "s3"]


def test_the_last_value_of_a_state_stays(layout):
    events = [story.learner_started("a"), story.iteration("a", 0, x=1), story.iteration("a", 1, y=2.5)]
    rows = summary_of(events, layout)
    assert rows[0].split()[3:5] == ["x", "y"]
    assert rows[1].split()[3:5] == ["1", "2.5"]
    assert rows[1].endswith("did not end")


def test_metrics_of_different_names_share_a_column(layout):
    events = [story.learner_started("a"), story.learner_started("b", metric="f1_score")]
    assert "metric" in summary_of(events, layout)[0].split()


def test_one_learner_is_not_called_the_best(layout):
    events = [story.learner_started("a"), story.iteration("a", 0), story.learner_finished("a")]
    assert not any(line.startswith("best") for line in summary_of(events, layout))


def test_best_without_a_criterion_met(layout):
    events = [story.learner_started("a"), story.learner_started("b")]
    events += [story.iteration("a", 0, 0.5), story.iteration("b", 0, 0.6)]
    events += [story.learner_finished(name, StopReason.MAX_ITER_REACHED) for name in "ab"]
    assert summary_of(events, layout)[-1] == (
        "best: b (no learner met its criterion, it came nearest:"
        " 20 candidates queried, 1 iteration, model_accuracy 0.6)"
    )


def test_many_learners(layout):
    names = [f"learner-{number:03}" for number in range(60)]
    events = []
    for number, name in enumerate(names):
        events += [story.learner_started(name), story.iteration(name, 0, metric=number / 100)]
        reason = StopReason.ERROR if number < 20 else StopReason.MAX_ITER_REACHED
        events.append(story.learner_finished(name, reason, "broke" if number < 20 else ""))
    lines = summary_of(events, layout)
    assert [line.split()[0] for line in lines[1:31]] == names[:29:-1]
    assert lines[31] == "… and 30 more"
    assert lines[-1] == "… and 10 more failed"
    assert len(lines) == 1 + 30 + 1 + 1 + 10 + 1


def test_names_are_not_markup(layout):
    events = [story.learner_started("a"), story.iteration("a", 0, **{"[red]x": 1.0})]
    assert "[red]x" in summary_of(events, Layout(Path("/nowhere/results.h5")))[0]
