"""Compiling ahead, in real processes with their own caches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rose_mpi.uq.kernels.jit import private_folder

REPORT = """
from rose_mpi.uq.warm import warm
from rose_mpi.uq.kernels.classification import margin
from rose_mpi.uq.kernels.checks import first_bad_probabilities
warm(["margin", "a_metric_of_mine"])
both = margin.stats, first_bad_probabilities.stats
print(sum(sum(s.cache_misses.values()) for s in both), sum(sum(s.cache_hits.values()) for s in both))
"""


def start(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process):
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    return out.strip()


def test_one_process_compiles_and_the_others_load(tmp_path):
    folders = {"NUMBA_CACHE_DIR": tmp_path / "cache", "TMPDIR": tmp_path}
    outputs = [output(process) for process in [start(REPORT, **folders) for _ in range(4)]]
    assert sorted(outputs) == ["0 4", "0 4", "0 4", "4 0"]


def test_a_process_that_died_while_compiling_blocks_nobody(tmp_path):
    folders = {"NUMBA_CACHE_DIR": tmp_path / "cache", "TMPDIR": tmp_path}
    dying = start(
        "import os, rose_mpi.uq.warm as w; w._call_once = lambda metric: os._exit(9); w.warm(['margin'])",
        **folders,
    )
    dying.communicate(timeout=90)
    assert dying.returncode == 9
    assert output(start(REPORT, **folders)) == "4 0"


def test_kernels_are_kept_where_nothing_else_can_be_written(tmp_path):
    """Neither the package's folder nor the user's cache: /proc refuses new files, from root too."""
    code = f"""
import numba.core.caching as caching
everywhere = caching.CacheImpl._locator_classes
caching.CacheImpl._locator_classes = [place for place in everywhere if "UserProvided" in place.__name__]
{REPORT}"""
    environment = {"NUMBA_CACHE_DIR": "/proc/none", "TMPDIR": tmp_path}
    assert output(start(code, **environment)) == "4 0"
    assert output(start(code, **environment)) == "0 4"
    assert list(Path(tmp_path, f"rose-mpi-{os.getuid()}").rglob("*.nbc"))


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_private_folder_is_the_users_alone(temporary_folder):
    folder = private_folder()
    assert folder == private_folder()
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("taken", ["open to all", "a link"])
def test_a_private_folder_that_somebody_else_could_write_is_not_used(temporary_folder, taken):
    name = temporary_folder / f"rose-mpi-{os.getuid()}"
    if taken == "a link":
        (temporary_folder / "elsewhere").mkdir(mode=0o700)
        name.symlink_to(temporary_folder / "elsewhere")
    else:
        name.mkdir()
        name.chmod(0o777)
    assert private_folder() != name
