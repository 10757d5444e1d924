"""What numba keeps of kernels, in real processes with a cache of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import rose_mpi

PROGRAM = """
import numpy as np
from rose_mpi.uq.kernels.classification import negative_log_likelihood
scores = np.empty(1)
even = np.array([0.5, 0.5])
even.flags.writeable = False
negative_log_likelihood(even, np.zeros(1, np.int64), 2, scores, 0, 1, np.zeros(1, np.int64))
misses = sum(negative_log_likelihood.stats.cache_misses.values())
print(misses, scores[0] / np.log(2))
"""


def run(folder):
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, cwd=folder)
    assert done.returncode == 0, done.stderr
    misses, quotient = done.stdout.split()
    return int(misses), round(float(quotient), 12)


def test_an_edit_of_another_kernels_file_is_noticed(tmp_path):
    """A kernel holds the compiled logarithm, whose source is another file."""
    shutil.copytree(
        Path(rose_mpi.__file__).parent, tmp_path / "rose_mpi", ignore=shutil.ignore_patterns("__pycache__")
    )
    assert run(tmp_path) == (1, 1.0)
    assert run(tmp_path) == (0, 1.0)
    source = tmp_path / "rose_mpi" / "uq" / "kernels" / "logarithm.py"
    edited = source.read_text().replace("_LOG_2 = 0.6931471805599453", "_LOG_2 = 1.3862943611198906")
    source.write_text(edited)
    assert run(tmp_path) == (1, 2.0)
