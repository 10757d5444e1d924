"""The comparison of acquisitions, with one seed and two iterations, what it leaves, and its report."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.system.launching import environment, run_rose_mpi

EXAMPLE = Path(__file__).parents[2] / "examples" / "benchmark_acquisition"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example after a small run."""
    folder = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "benchmark")
    config = folder / "config.toml"
    text = config.read_text()
    config.write_text(
        text.replace("repeat = 10", "repeat = 1").replace("predictions = 12", "predictions = 3")
    )
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, timeout=60)
    outcome = run_rose_mpi(2, "config.toml", "--max-iter", "2", cwd=folder, timeout=250)
    assert outcome.code == 0, outcome
    return folder


def report(folder, *options):
    told = subprocess.run(
        [sys.executable, "report.py", *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.mark.timeout(300)
def test_a_small_run_is_reported(folder):
    told = report(folder)
    lines = [line.split()[0] for line in told.splitlines() if line and not line.startswith(" ")]
    ways = {"random", "variance", "improvement", "probability", "bound", "thompson"}
    assert set(lines[lines.index("hartmann:") + 1 :]) == ways
    assert len(lines) == 3 + 8 + 2 * 6


@pytest.mark.timeout(300)
def test_curves_are_drawn_with_their_bands(folder):
    pytest.importorskip("matplotlib")
    report(folder, "--plot", "curves.svg")
    drawn = (folder / "curves.svg").read_text()
    assert len(re.findall(r'id="\w*PolyCollection_\d+"', drawn)) == 8 + 2 * 6


@pytest.mark.timeout(300)
def test_every_iteration_tells_how_well_its_ensemble_is_calibrated(folder):
    with h5py.File(folder / "results.h5") as file:
        for name, learner in file["learners"].items():
            digits = name.startswith("digits")
            shares = ["calibration_error"] if digits else ["coverage_50", "coverage_90"]
            values = np.array([learner["state"][share][:] for share in shares])
            assert values.shape == (len(shares), 2)
            assert ((values >= 0) & (values <= 1)).all()
            assert digits or (learner["state/mean_crps"][:] > 0).all()


@pytest.mark.timeout(300)
def test_no_learner_chooses_a_candidate_twice(folder):
    with h5py.File(folder / "results.h5") as file:
        for name, learner in file["learners"].items():
            chosen = learner["selected"][:].ravel()
            assert len(np.unique(chosen)) == len(chosen) == 2 * (20 if name.startswith("digits") else 2)
