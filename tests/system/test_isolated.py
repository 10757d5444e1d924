"""Runs with functions that crash: each takes its own process with it, and no rank."""

from __future__ import annotations

import h5py
import pytest

from tests.system.launching import run_python, run_rose_mpi

CONFIG = """
[run]
max_iterations = 2

[tasks.simulation]
function = "work:simulate"
isolated = true
retries = 1
count = 3

[tasks.training]
function = "work:train"
isolated = true
timeout = "1s"
retries = 1

[[learners]]
name = "a"
kind = "active"
"""
WORK = """
import ctypes, os, time

def simulate(index):
    if index == 1 and os.environ["ROSE_ATTEMPT"] == "0":
        ctypes.string_at(0)
    return index

def train():
    if os.environ["ROSE_ATTEMPT"] == "0":
        time.sleep(600)
    return 1
"""
PROGRAM = """
import os
from rose_mpi.engine import Engine
from rose_mpi.learner import Learner

engine = Engine()
learner = Learner(engine)

@learner.simulation_task(as_executable=False, isolated=True)
def simulation(code):
    os._exit(code)

@learner.training_task(as_executable=False, isolated=True)
def training(value):
    return [value, os.getpid()]

try:
    simulation(7).result()
except Exception as error:
    print(type(error).__name__, error)
value, pid = training(5).result()
print(value, pid != os.getpid())
engine.shutdown()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_crash_and_a_timeout_are_failures_that_are_repeated(folder, ranks):
    outcome = run_rose_mpi(ranks, "config.toml", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    with h5py.File(folder / "results.h5") as results:
        signals, statuses = (list(results["tasks"][name].asstr()[:]) for name in ("signal", "status"))
    assert signals.count("SIGSEGV") == 2
    assert (statuses.count("timeout"), statuses.count("done")) == (2, 8)


def test_a_program_goes_on_after_the_end_of_a_functions_process(folder):
    outcome = run_python(3, "program.py", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    assert "exit code 7" in outcome.output
    assert "5 True" in outcome.output
