"""Runs that are killed and resumed come to what uninterrupted ones come to."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.store.reader import read_results
from tests.chaos.jobs import Job
from tests.system import test_same_results as same
from tests.system.launching import ROSE_MPI, launcher, run_python, run_rose_mpi

# Each task takes some time, says so in a ledger when it begins, and fails if its own folder is not there.
SLOW = """
import os, time
with open(os.environ["ROSE_ROOT"] + "/ledger", "a") as ledger:
    ledger.write(os.environ["ROSE_TASK"] + "\\n")
time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Where configuration and program ran without an interruption."""
    folder = tmp_path_factory.mktemp("whole")
    prepare(folder)
    outcome = run_rose_mpi(3, "config.toml", cwd=folder, timeout=120)
    assert outcome.code == 0, outcome
    return folder


def prepare(folder):
    (folder / "task.py").write_text(SLOW + same.TASK)
    (folder / "config.toml").write_text(same.CONFIG)
    program = same.PROGRAM.replace("Engine(seed=11)", "Engine(seed=11, resume=True)")
    (folder / "program.py").write_text(program)


def kill_when_recorded(command, folder, tasks, ranks):
    """Start a job and kill all of it when so many tasks are recorded; returns these."""
    job = Job([*launcher(ranks), *command], folder)
    end = time.monotonic() + 60
    try:
        while len(recorded(folder)) < tasks:
            assert job.code is None, (folder / "output.txt").read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        job.kill_all()
    return recorded(folder)


def recorded(folder):
    results = folder / "results.h5"
    table = read_results(results).tasks if results.exists() else ()
    return [table.task(number) for number in range(len(table)) if table[number].status == "done"]


def begun(folder):
    """How often each task began."""
    return Counter((folder / "ledger").read_text().split())


def check_same(folder, whole):
    found, expected = same.learners(folder), same.learners(whole)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert np.array_equal(value, expected[name], equal_nan=same._is_number(value)), name
    assert same.tasks(folder) == same.tasks(whole)


def begun_of(folder, tasks):
    """How often each of these tasks began so far."""
    counts = begun(folder)
    return {task: counts[str(task)] for task in tasks}


COMMANDS = {
    "configuration": lambda folder: [ROSE_MPI, "config.toml", "--resume"],
    "program": lambda folder: [Path(ROSE_MPI).with_name("python"), "program.py"],
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_run_killed_three_times_comes_to_the_same(whole, tmp_path, kind):
    prepare(tmp_path)
    command = COMMANDS[kind](tmp_path)
    finished = {}
    for tasks, ranks in ((3, 3), (25, 2), (50, 4)):
        now = kill_when_recorded(command, tmp_path, tasks, ranks)
        assert begun_of(tmp_path, finished) == finished
        assert finished.keys() <= set(now)
        finished = begun_of(tmp_path, now)
    if kind == "program":
        outcome = run_python(3, "program.py", cwd=tmp_path, timeout=120)
    else:
        outcome = run_rose_mpi(3, "config.toml", "--resume", cwd=tmp_path, timeout=120)
    assert outcome.code == 0, outcome
    check_same(tmp_path, whole)
    assert begun_of(tmp_path, finished) == finished
