"""What a run shows while it goes on."""

import io
import math
import os
import pty
import threading
import time

import pytest
from rich.console import Console

from rose_mpi.cli.display import Display, live_table
from rose_mpi.cli.record import Record
from rose_mpi.events import StopReason, TasksRepeated
from rose_mpi.tasks import TaskId
from tests.unit.cli import story
from tests.unit.store.sample import folded


def shown(renderable):
    console = Console(file=io.StringIO(), width=100)
    console.print(renderable)
    return console.file.getvalue()


def table_of(events):
    record = Record()
    for event in events:
        record(event)
    return shown(live_table(list(record.learners.values())))


def plain(events, quiet=False):
    stream = io.StringIO()
    with Display(stream, quiet=quiet) as display:
        for event in events:
            display(event)
    return stream.getvalue().splitlines()


def test_plain_lines():
    lines = plain(story.digits())
    assert lines[0] == "[     0.0 s] digits: 4 ranks on 1 host"
    assert lines[1] == (
        "[     1.0 s] entropy: iteration 0, model_accuracy 0.8, uncertainty 0.25, labels 40, 20 queried"
    )
    assert lines[-3:] == [
        "[     9.0 s] entropy: criterion met after 3 iterations",
        "[     9.0 s] broken: failed after 0 iterations: task broken.0.training.0.a failed: exit code 1",
        "[     9.0 s] random: max_iterations reached after 5 iterations",
    ]
    assert len(lines) == 1 + 3 + 5 + 3


def test_plain_lines_leave_out_what_there_is_not():
    lines = plain([story.learner_started("a"), story.iteration("a", 0, math.nan, math.nan, queried=0)])
    assert lines == ["[     0.0 s] a: iteration 0"]


def test_quiet_shows_failures_alone():
    assert [line.split("] ")[1].split(":")[0] for line in plain(story.digits(), quiet=True)] == ["broken"]


def test_a_note_is_a_line_of_its_own():
    stream = io.StringIO()
    Display(stream).note("[moved] there")
    Display(stream, quiet=True).note("not shown")
    assert stream.getvalue() == "[moved] there\n"


def test_lines_of_threads_do_not_mix():
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "w") as stream, Display(stream) as display:
        names = [f"learner-{number}" for number in range(8)]

        def speak(name):
            for number in range(20):
                display(story.iteration(name, number))

        threads = [threading.Thread(target=speak, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        lines = [reader.readline() for _ in range(160)]
        for thread in threads:
            thread.join()
    assert all(line.endswith("20 queried\n") and line.count("iteration") == 1 for line in lines)


def test_the_table_has_a_row_for_each_learner():
    rows = table_of(story.digits()).splitlines()
    assert rows[0].split() == ["learner", "iterations", "metric", "uncertainty", "queried", "tasks", "status"]
    assert rows[1].split() == ["random", "5/12", "0.9", "0.25", "100", "5", "max_iterations", "reached"]
    assert rows[2].split() == ["entropy", "3/12", "0.9", "0.25", "60", "3", "criterion", "met"]
    assert rows[3].split() == ["broken", "0/12", "-", "-", "0", "1", "failed"]


def test_many_learners_show_the_running_ones_and_a_count():
    names = [f"learner-{number:03}" for number in range(100)]
    events = [story.learner_started(name) for name in names]
    events += [story.learner_finished(name) for name in names[:80]]
    events += [story.learner_finished(names[80], StopReason.ERROR)]
    rows = table_of(events).splitlines()
    assert len(rows) == 1 + 30 + 1
    assert [row.split()[0] for row in rows[1:20]] == names[81:]
    assert rows[-1] == "… and 70 more; 19 running, 80 ended, 1 failed"


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    output = []

    def read():
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            output.append(data)
            if not data:
                return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    with os.fdopen(slave, "w") as stream:
        yield stream, output
    thread.join(10)
    os.close(master)


def test_a_terminal_shows_a_table_that_ends_with_the_last_state(terminal):
    stream, output = terminal
    with Display(stream) as display:
        for event in story.digits():
            display(event)
    deadline = time.monotonic() + 30
    while b"max_iterations reached" not in b"".join(output) and time.monotonic() < deadline:
        time.sleep(0.01)
    last = b"".join(output).decode().rpartition("learner")[2]
    assert "criterion met" in last
    assert "max_iterations reached" in last


def test_a_terminal_is_redrawn_four_times_a_second_at_most(terminal):
    stream, output = terminal
    begin = time.monotonic()
    with Display(stream) as display:
        display(story.learner_started("a"))
        for number in range(400):
            display(story.iteration("a", number))
            time.sleep(0.002)
    most = 4 * (time.monotonic() - begin) + 3
    deadline = time.monotonic() + 30
    while b"400/12" not in b"".join(output) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"400/12" in b"".join(output)
    assert b"".join(output).count(b"status") <= most


def test_a_run_that_goes_on_shows_all_it_has_come_to():
    before = [story.run_started(), story.learner_started("entropy"), story.task("entropy")]
    before += [story.task("entropy", 1), story.iteration("entropy", 0), story.learner_finished("entropy")]
    stream = io.StringIO()
    display = Display(stream)
    display.record.recall(folded(*before))
    display(story.run_started())
    display(story.learner_started("entropy"))
    display(TasksRepeated((TaskId("entropy", 1, "training", model="a"),)))
    display(story.task("entropy", 1))
    display(story.iteration("entropy", 1, 0.75))
    row = shown(live_table(list(display.record.learners.values()))).splitlines()[1].split()
    assert row == ["entropy", "2/12", "0.75", "0.25", "40", "2", "running"]
    assert stream.getvalue().splitlines()[1] == (
        "[     2.0 s] entropy: iteration 1, model_accuracy 0.75, uncertainty 0.25, 20 queried"
    )
