"""A whole run with nothing heavy in it, alone and on several ranks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import xarray

from tests.system.launching import run_rose_mpi

CONFIG = Path(__file__).parents[2] / "examples" / "minimal" / "config.toml"


@pytest.mark.parametrize("ranks", [0, 1, 2, 4])
def test_it_ends_with_the_same_results_on_any_number_of_ranks(tmp_path, ranks):
    outcome = run_rose_mpi(ranks, CONFIG, cwd=tmp_path, timeout=100)
    assert outcome.code == 0, outcome
    dataset = xarray.load_dataset(tmp_path / "results.h5", group="learners/forrester", engine="h5netcdf")
    assert dataset.attrs["stop_reason"] == "criterion_met"
    expected = [15.045674902, 0.948588378, 0.034573185, 0.002147185]
    assert dataset["metric"].to_numpy().tolist() == pytest.approx(expected, rel=1e-5)
    state = xarray.load_dataset(tmp_path / "results.h5", group="learners/forrester/state", engine="h5netcdf")
    assert state["samples"].to_numpy().tolist() == [3, 6, 9, 12]


def test_a_misspelt_file_is_told_once_without_traceback(tmp_path):
    outcome = run_rose_mpi(2, "no-such.toml", cwd=tmp_path, timeout=60)
    assert outcome.code == 2, outcome
    assert outcome.errors.count("no-such.toml") == 1
    assert "Traceback" not in outcome.errors + outcome.output


def test_what_a_run_leaves_has_the_permissions_that_its_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        outcome = run_rose_mpi(2, CONFIG, cwd=tmp_path, timeout=100)
    finally:
        os.umask(before)
    assert outcome.code == 0, outcome
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.keys() >= {tmp_path / "results.h5", tmp_path / "results.work" / "forrester"}
    assert {path for path, mode in modes.items() if mode != (0o750 if path.is_dir() else 0o640)} == set()
