"""Two runs that would write one results file."""

from __future__ import annotations

import os
import signal
import subprocess

from tests.system.launching import ROSE_MPI, environment, run_rose_mpi
from tests.system.processes import eventually

CONFIG = """
[run]
max_iterations = 1
[tasks.simulation]
command = "sleep 600"
[tasks.training]
command = "true"
[tasks.active_learn]
command = "true"
[[learners]]
name = "one"
kind = "active"
"""


def test_the_second_run_is_refused_and_a_killed_one_is_taken_over(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    first = subprocess.Popen(
        [ROSE_MPI, "config.toml"], cwd=tmp_path, env=environment(), start_new_session=True
    )
    try:
        assert eventually((tmp_path / "results.h5").exists)
        second = run_rose_mpi(2, "config.toml", cwd=tmp_path, timeout=60)
        assert second.code == 2, second
        assert (
            f"is being written by run 'config' on {os.uname().nodename} (process {first.pid}" in second.errors
        )
        assert second.errors.count("rose-mpi: ") == 1
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    change = ("--set", "tasks.simulation.command=echo 1")
    third = run_rose_mpi(0, "config.toml", *change, cwd=tmp_path, timeout=60)
    assert third.code == 0, third
    left = {path.name for path in tmp_path.iterdir()}
    assert {"results.h5", "results.1.h5", "results.1.h5.log"} <= left
    assert "results.h5.lock" not in left
