"""What a run came to."""

import io
from dataclasses import replace

from rose_mpi.cli.record import Record
from rose_mpi.cli.summary import print_summary
from rose_mpi.events import StopReason
from tests.unit.cli import story


def summary_of(events):
    record = Record()
    for event in events:
        record(event)
    stream = io.StringIO()
    print_summary(record, stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_summary():
    lines = summary_of(story.digits())
    assert lines[0].split() == ["learner", "iterations", "queried", "labels", "model_accuracy", "stopped"]
    assert lines[1].split() == ["random", "5", "100", "120", "0.9", "max_iterations", "reached"]
    assert lines[2].split() == ["entropy", "3", "60", "80", "0.9", "criterion", "met"]
    assert lines[3].split() == ["broken", "0", "0", "-", "-", "failed"]
    assert lines[4] == (
        "best: entropy (met its criterion: 60 candidates queried, 3 iterations, model_accuracy 0.9)"
    )
    assert lines[5:] == ["broken failed: task broken.0.training.0.a failed: exit code 1", "more"]


def test_an_error_is_shown_with_its_evidence_but_not_without_end():
    lines = [f"  line {number}" for number in range(100)]
    events = [story.learner_started("a")]
    events.append(
        story.learner_finished("a", StopReason.ERROR, "\n".join(["exit code 1", *lines, "log: /x.err"]))
    )
    shown = summary_of(events)[2:]
    assert shown[0] == "a failed: exit code 1"
    assert shown[-2:] == ["  line 99", "log: /x.err"]
    assert len(shown) == 12


def test_four_state_columns_at_most():
    states = {f"s{number}": number for number in range(6)}
    events = [story.learner_started("a"), story.iteration("a", 0, **states), story.learner_finished("a")]
    assert summary_of(events)[0].split()[3:-2] == ["s0", "s1", "s2", "s3"]


def test_the_last_value_of_a_state_stays():
    events = [story.learner_started("a"), story.iteration("a", 0, x=1), story.iteration("a", 1, y=2.5)]
    rows = summary_of(events)
    assert rows[0].split()[3:5] == ["x", "y"]
    assert rows[1].split()[3:5] == ["1", "2.5"]
    assert rows[1].endswith("did not end")


def test_metrics_of_different_names_share_a_column():
    events = [story.learner_started("a"), story.learner_started("b", metric="f1_score")]
    assert "metric" in summary_of(events)[0].split()


def test_one_learner_is_not_called_the_best():
    events = [story.learner_started("a"), story.iteration("a", 0), story.learner_finished("a")]
    assert not any(line.startswith("best") for line in summary_of(events))


def test_best_without_a_criterion_met():
    events = [story.learner_started("a"), story.learner_started("b")]
    events += [story.iteration("a", 0, 0.5), story.iteration("b", 0, 0.6)]
    events += [story.learner_finished(name, StopReason.MAX_ITER_REACHED) for name in "ab"]
    assert summary_of(events)[-1] == (
        "best: b (no learner met its criterion, it came nearest:"
        " 20 candidates queried, 1 iteration, model_accuracy 0.6)"
    )


def test_many_learners():
    names = [f"learner-{number:03}" for number in range(60)]
    events = []
    for number, name in enumerate(names):
        events += [story.learner_started(name), story.iteration(name, 0, metric=number / 100)]
        reason = StopReason.ERROR if number < 20 else StopReason.MAX_ITER_REACHED
        events.append(story.learner_finished(name, reason, "broke" if number < 20 else ""))
    lines = summary_of(events)
    assert [line.split()[0] for line in lines[1:31]] == names[:29:-1]
    assert lines[31] == "… and 30 more"
    assert lines[-1] == "… and 10 more failed"
    assert len(lines) == 1 + 30 + 1 + 1 + 10 + 1


def test_names_are_not_markup():
    events = [story.learner_started("a"), story.iteration("a", 0, **{"[red]x": 1.0})]
    assert "[red]x" in summary_of(events)[0]


def test_what_a_learners_own_tasks_choose_is_not_counted():
    started = replace(story.learner_started("a"), kind="active")
    lines = summary_of([started, story.iteration("a", 0, queried=0), story.learner_finished("a")])
    assert lines[0].split()[:3] == ["learner", "iterations", "queried"]
    assert lines[1].split()[:3] == ["a", "1", "-"]
