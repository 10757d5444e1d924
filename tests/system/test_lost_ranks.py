"""Ranks that are killed or hang while a run goes on: the others go on without them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter

import pytest

from rose_mpi.events import RunStatus
from rose_mpi.store.reader import read_results
from tests.chaos.jobs import Job
from tests.system.launching import ROSE_MPI, is_open_mpi, launcher, mpirun, run_rose_mpi
from tests.system.processes import eventually

SECONDS = 60.0


def survives():
    """Whether this MPI can go on without a rank: Open MPI from 5 on."""
    version = subprocess.run([mpirun(), "--version"], capture_output=True, text=True, timeout=30).stdout
    found = re.search(r"Open MPI\)? v?(\d+)", version)
    return is_open_mpi() and found is not None and int(found[1]) >= 5


needs_fault_tolerance = pytest.mark.skipif(not survives(), reason="this MPI ends with any of its ranks")

COMMANDS = """
[run]
max_iterations = 2
[engine]
rank_timeout = 5
[tasks.simulation]
command = "sh {config_dir}/task.sh"
count = 8
[tasks.training]
command = "/bin/true"
[[learners]]
name = "a"
[[learners]]
name = "b"
"""
SHORT = """
[run]
max_iterations = 1
[tasks.simulation]
command = "/bin/sh {config_dir}/short.sh"
count = 3000
[tasks.training]
command = "/bin/true"
[[learners]]
name = "a"
"""
SHORT_TASK = """
echo "$ROSE_TASK" >>"$ROSE_ROOT/began"
"""
TASK = """
echo "$ROSE_TASK" >>"$ROSE_ROOT/began"
while [ ! -e "$ROSE_ROOT/go" ]; do sleep 0.05; done
echo 1
"""
FUNCTIONS = """
import os, time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RANK = os.environ["OMPI_COMM_WORLD_RANK"]

def note(what):
    with open(HERE / "began", "a") as began:
        began.write(what + "\\n")

def wait():
    while not (HERE / "go").exists():
        time.sleep(0.02)

def predict(learner, iteration, index, model, seed):
    if (HERE / "late").exists() and (model, index) == ("b", 1):
        note("late")
        wait()
    return np.random.default_rng(seed).random(2000)

def variance(scorer, predictions):
    note(f"scoring on {RANK}")
    wait()
    return predictions.var(axis=0)

def together(comm):
    note(f"together on {RANK}")
    if comm.rank == comm.size - 1:
        wait()
        hops = 0
    else:
        hops = comm.recv(source=comm.rank + 1) + 1
    if comm.rank:
        comm.send(hops, dest=comm.rank - 1)
    return {"hops": hops}
"""
ENSEMBLE = """
[run]
max_iterations = 2
seed = 3
[tasks.simulation]
command = "/bin/true"
[tasks.training]
command = "/bin/true"
[tasks.prediction]
function = "functions:predict"
[ensemble]
models = ["a", "b"]
predictions = 2
[uncertainty]
metric = "functions:variance"
task_type = "regression"
query_size = 5
[[learners]]
name = "a"
"""
TOGETHER = """
[run]
max_iterations = 1
[tasks.simulation]
function = "functions:together"
ranks = 3
[tasks.training]
command = "/bin/true"
[[learners]]
name = "a"
"""


class Campaign:
    """A run in the background whose ranks can be killed one by one."""

    def __init__(self, folder, config, ranks, options=("--with-ft", "ulfm")):
        self.folder = folder
        write(folder, config)
        mpirun, *words = launcher(ranks)
        self.job = Job([mpirun, *options, *words, ROSE_MPI, "config.toml"], folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.job.kill_all()

    def began(self):
        return lines(self.folder / "began")

    def output(self):
        return (self.folder / "output.txt").read_text()

    def signal(self, rank, number=signal.SIGKILL):
        (process,) = [each for each in self.job.processes() if each.kind == "rank" and each.rank == rank]
        os.kill(process.pid, number)

    def lose(self, rank):
        """Kill a rank, and wait until the run has noticed."""
        self.signal(rank)
        assert eventually(lambda: f"rank {rank} on" in self.output(), SECONDS), self.output()

    def go(self):
        (self.folder / "go").touch()

    def ends(self):
        self.go()
        code = self.job.wait(SECONDS)
        assert code == 0, self.output()
        return read_results(self.folder / "results.h5")


def write(folder, config):
    folder.mkdir(exist_ok=True)
    texts = {"config.toml": config, "task.sh": TASK, "short.sh": SHORT_TASK, "functions.py": FUNCTIONS}
    for name, text in texts.items():
        (folder / name).write_text(text)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def selections(run):
    return [(state.selected, state.selected_score) for state in run.learners["a"].iterations]


def undisturbed(folder, config, ranks):
    write(folder, config)
    (folder / "go").touch()
    outcome = run_rose_mpi(ranks, "config.toml", cwd=folder, timeout=SECONDS)
    assert outcome.code == 0, outcome
    return read_results(folder / "results.h5")


def refuse_other_rows(run):
    """Refuse all but one attempt of each task, the first, that succeeded."""
    tasks = Counter(str(run.tasks.task(number)) for number in range(len(run.tasks)))
    assert set(tasks.values()) == {1}
    assert {(row.status, row.attempt) for row in run.tasks} == {("done", 0)}


@needs_fault_tolerance
@pytest.mark.parametrize("victim", [1, 2], ids=["leader", "worker"])
def test_a_lost_rank_costs_its_task_a_repetition_and_nothing_else(tmp_path, victim):
    with Campaign(tmp_path, COMMANDS, 5) as campaign:
        assert eventually(lambda: len(campaign.began()) == 4, SECONDS), campaign.output()
        campaign.lose(victim)
        running = campaign.began()
        run = campaign.ends()
    assert run.status is RunStatus.DONE
    assert [lost.rank for lost in run.lost] == [victim]
    repeated = [task for task, count in Counter(campaign.began()).items() if count > 1]
    assert len(repeated) == 1
    assert repeated[0] in running
    assert len(campaign.began()) == 2 * 2 * 8 + 1
    refuse_other_rows(run)


@needs_fault_tolerance
def test_ranks_are_lost_on_which_short_tasks_wait(tmp_path):
    with Campaign(tmp_path, SHORT, 5) as campaign:
        for count, victim in ((300, 2), (1200, 1), (2000, 4)):
            assert eventually(lambda count=count: len(campaign.began()) > count, SECONDS), campaign.output()
            campaign.lose(victim)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [2, 1, 4]
    assert len({*campaign.began()}) == 3000
    refuse_other_rows(run)


@needs_fault_tolerance
def test_one_rank_after_another_is_lost_and_the_last_one_does_it_all(tmp_path):
    with Campaign(tmp_path, COMMANDS, 5) as campaign:
        assert eventually(lambda: len(campaign.began()) == 4, SECONDS), campaign.output()
        for victim in (3, 1, 4):
            campaign.lose(victim)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [3, 1, 4]
    assert {learner.started.group for learner in run.learners.values()} == {(2,)}
    refuse_other_rows(run)


@needs_fault_tolerance
def test_a_rank_is_lost_while_ranks_score_together(tmp_path):
    expected = undisturbed(tmp_path / "whole", ENSEMBLE, 4)
    with Campaign(tmp_path / "lost", ENSEMBLE, 4) as campaign:
        scoring = {f"scoring on {rank}" for rank in (1, 2, 3)}
        assert eventually(lambda: scoring <= set(campaign.began()), SECONDS), campaign.output()
        campaign.lose(2)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [2]
    assert selections(run) == selections(expected)


@needs_fault_tolerance
def test_predictions_that_were_lost_with_their_rank_are_made_again(tmp_path):
    expected = undisturbed(tmp_path / "whole", ENSEMBLE, 4)
    folder = tmp_path / "lost"
    folder.mkdir()
    (folder / "late").touch()

    def keeping():
        rows = read_results(folder / "results.h5").tasks if (folder / "results.h5").exists() else []
        return [int(row.result[9]) for row in rows if row.result.startswith('{"rank": ')]

    with Campaign(folder, ENSEMBLE, 4) as campaign:
        assert eventually(lambda: len(keeping()) == 3, SECONDS), campaign.output()
        victim = keeping()[0]
        campaign.lose(victim)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [victim]
    assert selections(run) == selections(expected)


@needs_fault_tolerance
@pytest.mark.parametrize("place", [0, 2])
def test_a_rank_is_lost_while_a_function_runs_on_three_that_wait_for_each_other(tmp_path, place):
    with Campaign(tmp_path, TOGETHER, 5) as campaign:
        assert eventually(lambda: len(campaign.began()) == 3, SECONDS), campaign.output()
        victim = sorted(int(line[-1]) for line in campaign.began())[place]
        campaign.lose(victim)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [victim]
    assert len(campaign.began()) == 6
    (row,) = [row for row in run.tasks if row.stage == "simulation"]
    assert (row.status, row.attempt, row.result) == ("done", 0, '{"hops": 2}')


@needs_fault_tolerance
def test_a_rank_that_hangs_is_given_up(tmp_path):
    with Campaign(tmp_path, COMMANDS, 5) as campaign:
        assert eventually(lambda: len(campaign.began()) == 4, SECONDS), campaign.output()
        campaign.signal(2, signal.SIGSTOP)
        assert eventually(lambda: "is lost: it gave no sign of life for 5 s" in campaign.output(), SECONDS)
        run = campaign.ends()
    assert [lost.rank for lost in run.lost] == [2]
    refuse_other_rows(run)


def test_without_fault_tolerance_a_rank_that_hangs_ends_the_run_in_order(tmp_path):
    with Campaign(tmp_path, COMMANDS, 5, options=()) as campaign:
        assert eventually(lambda: len(campaign.began()) == 4, SECONDS), campaign.output()
        campaign.signal(2, signal.SIGSTOP)
        assert campaign.job.wait(SECONDS) != 0
        assert campaign.job.gone_after(SECONDS) == []
    assert "rank 2 on" in campaign.output()
    assert "rank 2 does not end: all else is saved" in campaign.output()
    run = read_results(tmp_path / "results.h5")
    assert run.status is RunStatus.STOPPED
    assert [lost.rank for lost in run.lost] == [2]
