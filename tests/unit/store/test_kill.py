import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rose_mpi.store.reader import read_results

ROOT = Path(__file__).parents[3]


@pytest.fixture
def campaign(tmp_path):
    """A process that writes its results, and what it has said so far."""
    said = []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.store.campaign_process", str(tmp_path / "results.h5")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    listener = threading.Thread(target=lambda: said.extend(process.stdout))
    listener.start()
    yield process, said, listener
    process.kill()
    process.wait()
    listener.join()
    process.stdout.close()


def records(run):
    learner = run.learners.get("entropy")
    return 1 + (1 + len(learner.iterations) if learner else 0) + len(run.tasks)


@pytest.mark.parametrize("moment", range(15))
def test_a_kill_at_any_moment_loses_nothing_and_a_reader_sees_whole_files(campaign, tmp_path, moment):
    process, said, listener = campaign
    results = tmp_path / "results.h5"
    while not results.exists():
        assert process.poll() is None
        time.sleep(0.001)
    seen, end = 0, time.monotonic() + random.uniform(0, 0.6)
    while time.monotonic() < end:
        now = records(read_results(results))
        assert now >= seen
        seen = now
    process.kill()
    process.wait()
    listener.join()
    run = read_results(results)
    assert records(run) >= max([seen, *map(int, said)])
    assert list(run.tasks.columns["index"]) == list(range(len(run.tasks)))
