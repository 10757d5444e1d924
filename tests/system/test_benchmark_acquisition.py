"""The comparison of acquisitions, with one seed and two iterations, and its report."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.launching import environment, run_rose_mpi

EXAMPLE = Path(__file__).parents[2] / "examples" / "benchmark_acquisition"


@pytest.mark.timeout(300)
def test_a_small_run_is_reported(tmp_path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "benchmark")
    config = folder / "config.toml"
    text = config.read_text()
    config.write_text(
        text.replace("repeat = 10", "repeat = 1").replace("predictions = 12", "predictions = 3")
    )
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, timeout=60)
    outcome = run_rose_mpi(2, "config.toml", "--max-iter", "2", cwd=folder, timeout=250)
    assert outcome.code == 0, outcome
    told = subprocess.run(
        [sys.executable, "report.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    lines = [line.split()[0] for line in told.stdout.splitlines() if line and not line.startswith(" ")]
    ways = {"random", "variance", "improvement", "probability", "bound", "thompson"}
    assert set(lines[lines.index("hartmann:") + 1 :]) == ways
    assert len(lines) == 3 + 8 + 2 * 6
