import io
import os

import pytest
from rich.console import Console

from rose_mpi.cli.status import overview
from rose_mpi.events import LearnerFinished, RunFinished, RunStatus, StopReason
from rose_mpi.layout import Layout
from rose_mpi.store.lock import Lock
from rose_mpi.store.writer import ResultsWriter
from tests.unit.cli import story
from tests.unit.cli.test_command import rose_mpi
from tests.unit.store.sample import folded


def shown(events, writer="", now=story.START + 100):
    stream = io.StringIO()
    Console(file=stream, width=120).print(overview(folded(*events), writer, now))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_learner_has_its_row():
    events = [story.run_started(), story.learner_started("entropy"), story.learner_started("random")]
    events += [story.task("entropy"), story.iteration("entropy", 0), story.iteration("entropy", 1, 0.75)]
    lines = shown([*events, LearnerFinished("random", StopReason.MAX_ITER_REACHED, 0.0)])
    assert lines == [
        "digits: dead: nobody writes the results any more; go on with --resume",
        "1 task ended, on 4 ranks of 1 host; last activity 98 s ago",
        "learner  iterations  metric  uncertainty  queried  tasks  status",
        "entropy        2/12    0.75         0.25       40      1  not finished",
        "random         0/12       -            -        0      0  max_iterations reached",
    ]


@pytest.mark.parametrize(
    ("status", "writer", "standing"),
    [
        (RunStatus.DONE, "", "finished"),
        (RunStatus.FAILED, "", "finished, 1 learner failed; --resume tries them again"),
        (RunStatus.STOPPED, "", "stopped early; go on with --resume"),
        (RunStatus.RUNNING, "run 'digits' on node1", "running, run 'digits' on node1"),
        (RunStatus.RUNNING, "", "dead: nobody writes the results any more; go on with --resume"),
    ],
)
def test_how_the_run_stands(status, writer, standing):
    end = [LearnerFinished("a", StopReason.ERROR, 0.0, "broken"), RunFinished(status, 0.0)]
    assert shown([story.run_started(), story.learner_started("a"), *end], writer)[0] == f"digits: {standing}"


@pytest.fixture
def leave(tmp_path):
    """Leaves the results of a run with a status."""

    def write(status):
        layout = Layout(tmp_path / "results.h5")
        writer = ResultsWriter(layout)
        for event in (story.run_started(), RunFinished(status, 0.0)):
            writer(event)
        writer.close()
        return layout

    return write


@pytest.mark.parametrize(
    ("status", "code"),
    [(RunStatus.DONE, 0), (RunStatus.FAILED, 3), (RunStatus.STOPPED, 75), (RunStatus.RUNNING, 75)],
)
def test_the_exit_code_says_what_to_do(leave, status, code):
    layout = leave(status)
    done = rose_mpi("status", str(layout.results))
    assert (done.returncode, done.stderr) == (code, "")


def test_a_run_that_is_written_is_running(leave):
    layout = leave(RunStatus.RUNNING)
    lock = Lock(layout, "digits")
    done = rose_mpi("status", str(layout.results))
    assert done.returncode == 75
    assert f"digits: running, run 'digits' on {os.uname().nodename} (process {os.getpid()}" in done.stdout
    lock.release()


def test_a_file_that_is_not_there_and_one_that_is_none(tmp_path):
    missing = rose_mpi("status", "nothing.h5", cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (
        2,
        "rose-mpi: there is no results file nothing.h5: check the path\n",
    )
    (tmp_path / "text.h5").write_text("text")
    broken = rose_mpi("status", "text.h5", cwd=tmp_path)
    assert broken.returncode == 1
    assert "is no HDF5 file" in broken.stderr
    assert "Traceback" not in broken.stderr
