"""The batch script, with programs in the place of Slurm's and of the launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "launch" / "slurm.sbatch"
PROGRAMS = {
    "mpirun": 'shift 2; exec "$@"',
    "rose-mpi": """
echo "rose-mpi $*" >>calls
case $1 in
status) exit "$(cat status)" ;;
esac
[ ! -e waits ] || { trap 'echo USR1 >>calls; exit 75' USR1; touch ready; while :; do sleep 0.05; done; }
exit "$(cat code)"
""",
    "scontrol": 'echo "scontrol $*" >>calls',
}


@pytest.fixture
def script(tmp_path):
    """Starts the batch script; its run ends with a code, and `rose-mpi status` with another."""
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)

    def start(code, status, **variables):
        (tmp_path / "code").write_text(str(code))
        (tmp_path / "status").write_text(str(status))
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        slurm = {"SLURM_NTASKS": "3", "SLURM_JOB_ID": "77", "PATH": path}
        return subprocess.Popen(
            ["bash", SCRIPT, "config.toml"],
            cwd=tmp_path,
            env={**os.environ, **slurm, **variables},
            stdout=subprocess.DEVNULL,
        )

    return start


def calls(folder):
    return (folder / "calls").read_text().splitlines()


START, STATUS, REQUEUE = "rose-mpi config.toml", "rose-mpi status results.h5", "scontrol requeue 77"


@pytest.mark.parametrize(
    ("code", "status", "ends_with", "called"),
    [
        (0, 0, 0, [START, STATUS]),
        (3, 3, 3, [START, STATUS]),
        (75, 75, 75, [START, STATUS, REQUEUE]),
        (0, 75, 75, [START, STATUS, REQUEUE]),  # a lost node
        (137, 75, 75, [START, STATUS, REQUEUE]),
        (2, 75, 2, [START]),
    ],
)
def test_what_is_not_finished_is_queued_again(script, tmp_path, code, status, ends_with, called):
    assert script(code, status).wait(30) == ends_with
    assert calls(tmp_path) == called


def test_a_restart_resumes_and_there_is_a_last_one(script, tmp_path):
    assert script(75, 75, SLURM_RESTART_COUNT="9").wait(30) == 75
    assert calls(tmp_path) == [f"{START} --resume", STATUS, REQUEUE]
    assert script(75, 75, SLURM_RESTART_COUNT="10").wait(30) == 75
    assert calls(tmp_path)[3:] == [f"{START} --resume", STATUS]


def test_slurms_signal_is_handed_on(script, tmp_path):
    (tmp_path / "waits").touch()
    job = script(0, 75)
    end = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(30) == 75
    assert calls(tmp_path) == [START, "USR1", STATUS, REQUEUE]
