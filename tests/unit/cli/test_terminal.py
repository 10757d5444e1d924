"""Who reads the output, as launchers arrange it."""

import os
import pty
import subprocess
import sys

import pytest

from rose_mpi.cli.terminal import is_watched

CHILD = "import sys; from rose_mpi.cli.terminal import is_watched; sys.exit(is_watched(sys.stdout))"
LAUNCHER = f"""
import pty, subprocess, sys
master, slave = pty.openpty()
through_a_shell = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]
command = [sys.executable, "-c", {CHILD!r}]
sys.exit(subprocess.call([*through_a_shell, *command] if sys.argv[1:] else command, stdout=slave))
"""


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield slave
    os.close(slave)
    os.close(master)


def watched_below_a_launcher(output, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *arguments],
        stdout=output,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    return done.returncode


def test_a_pipe_is_not_watched():
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, "w") as stream:
        assert not is_watched(stream)


@pytest.mark.parametrize("arguments", [[], ["through a shell"]])
def test_below_open_mpi_its_own_output_decides(terminal, arguments):
    assert watched_below_a_launcher(terminal, *arguments, OMPI_COMM_WORLD_RANK="0") == 1
    assert watched_below_a_launcher(subprocess.DEVNULL, *arguments, OMPI_COMM_WORLD_RANK="0") == 0


def test_elsewhere_a_terminal_is_watched(monkeypatch, terminal):
    monkeypatch.delenv("OMPI_COMM_WORLD_RANK", raising=False)
    with os.fdopen(os.dup(terminal), "w") as stream:
        assert is_watched(stream)
