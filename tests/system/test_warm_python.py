"""Runs whose scripts are forked from a preloaded Python."""

from __future__ import annotations

import json

import h5py
import pytest

from tests.system.launching import run_python, run_rose_mpi

CONFIG = """
[run]
max_iterations = 4

[engine]
warm_python = true
preload = ["numpy", "no_such_module"]

[tasks.simulation]
command = "{python} {config_dir}/simulate.py"
count = 4

[tasks.training]
command = "{python} -u {config_dir}/train.py"

[[learners]]
name = "a"
kind = "active"
"""
SIMULATE = """
import gc, json, time
time.sleep(0.3)
import numpy as np
print(json.dumps({"warm": gc.get_freeze_count() > 999, "drawn": np.random.rand()}))
"""
TRAIN = "import gc, json; print(json.dumps({'warm': gc.get_freeze_count() > 999}))"
PROGRAM = """
import time
from rose_mpi.engine import Engine
from rose_mpi.learner import Learner

engine = Engine(warm_python=True, preload=["numpy"])
learner = Learner(engine)
learner.simulation = learner.simulation_task(lambda: "{python} simulate.py")
until = time.monotonic() + 20
while not learner.simulation().result()["warm"] and time.monotonic() < until:
    pass
engine.shutdown()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "simulate.py").write_text(SIMULATE)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def results(folder):
    with h5py.File(folder / "results.h5") as file:
        return [json.loads(result) for result in file["tasks"]["result"].asstr()[:]]


def test_scripts_of_a_configuration_are_started_warm(folder):
    outcome = run_rose_mpi(3, "config.toml", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    assert outcome.errors.count("preload: no_such_module cannot be imported") == 1, outcome
    values = results(folder)
    assert all(value["warm"] for value in values[-5:])
    drawn = [value["drawn"] for value in values if "drawn" in value]
    assert len(drawn) == len(set(drawn)) == 16


def test_scripts_of_a_program_are_started_warm(folder):
    outcome = run_python(0, "program.py", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    assert results(folder)[-1]["warm"]
