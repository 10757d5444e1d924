import os
import signal
import uuid
from contextlib import suppress

import pytest

from rose_mpi.execution.context import RunContext
from rose_mpi.layout import Layout
from tests.unit.execution.support import Runner, marked


@pytest.fixture
def run_name():
    """An identifier no other process carries; whatever is left with it is ended."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    for pid in marked(name):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def runner(tmp_path, run_name):
    runner = Runner(tmp_path, run_name)
    yield runner
    runner.helper.close()


@pytest.fixture
def context(tmp_path):
    root = tmp_path / "the root"
    root.mkdir()
    return RunContext(
        run="run-1",
        root=str(root),
        layout=Layout(tmp_path / "out" / "results.h5"),
        rank=3,
        host="node7",
        cpus=frozenset({0}),
    )
