"""However a run ends, nothing of its tasks is left: of forks, daemons, and what ignores signals."""

from __future__ import annotations

import os
import signal

import pytest

from tests.system.processes import ranks_of, tasks_of
from tests.system.test_endings import Run

MISBEHAVED = """
import os, signal, time
from pathlib import Path

def misbehave():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        os.fork()
        Path(f"began-{os.getpid()}").touch()
    time.sleep(600)

if __name__ == "__main__":
    misbehave()
"""
CONFIG = """
[run]
max_iterations = 1
[tasks.simulation]
count = 3
[tasks.training]
command = "/bin/true"
"""
WORKS = {
    "command": 'command = "{python} {config_dir}/misbehaved.py"',
    "isolated function": 'function = "misbehaved:misbehave"\nisolated = true',
}
PROCESSES = 3 * 3


@pytest.fixture(params=WORKS)
def run(request, tmp_path):
    """A run on three ranks, when its tasks have done their worst."""
    (tmp_path / "misbehaved.py").write_text(MISBEHAVED)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.replace("count", f"{WORKS[request.param]}\ncount"))
    with Run(3, path) as run:
        assert run.tasks_run(PROCESSES)
        yield run


def killed_rank(run):
    os.kill(ranks_of(run.config)[1], signal.SIGKILL)


def control_c(run):
    os.killpg(run.process.pid, signal.SIGINT)


def asked_to_stop(run):
    run.process.send_signal(signal.SIGUSR1)


@pytest.mark.parametrize("end", [killed_rank, control_c, asked_to_stop])
def test_nothing_of_the_tasks_is_left(run, end):
    end(run)
    assert run.wait()[0] != 0
    assert run.nothing_left(), tasks_of(run.config.parent)
