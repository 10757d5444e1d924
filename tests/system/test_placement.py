"""Cores and GPUs: each task has its own, and what no rank has is refused before anything runs."""

from __future__ import annotations

import os
from itertools import pairwise

import h5py
import pytest

from tests.system.launching import run_rose_mpi

CONFIG = """
[run]
max_iterations = 1

[engine]
tasks_per_rank = 2

[tasks.simulation]
command = "/bin/sh -c 'sleep 0.2; echo gpu $CUDA_VISIBLE_DEVICES'"
count = 6
gpus_per_rank = 1

[tasks.training]
command = "/bin/true"

[[learners]]
name = "a"
kind = "active"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def test_no_two_tasks_have_one_gpu_at_the_same_time(folder):
    outcome = run_rose_mpi(3, "config.toml", cwd=folder, timeout=60)
    assert outcome.code == 0, outcome
    with h5py.File(folder / "results.h5") as results:
        tasks = results["tasks"]
        rows = zip(tasks["result"].asstr()[:], tasks["started"][:], tasks["finished"][:], strict=True)
        used = sorted((result, begin, end) for result, begin, end in rows if "gpu" in result)
    assert len(used) == 6
    assert {result for result, *_ in used} <= {f'"gpu {number}"' for number in (4, 5, 6, 7)}
    for (first, _, end), (second, begin, _) in pairwise(used):
        assert first != second or end <= begin


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("gpus_per_rank = 2", "a.simulation needs gpus_per_rank = 2, but the rank has 1 (rank 0 on "),
        ("cores_per_rank = 1000", "a.simulation needs cores_per_rank = 1000, but the rank has "),
    ],
)
def test_what_a_rank_does_not_have_is_refused_at_the_start(folder, stated, said):
    (folder / "config.toml").write_text(CONFIG.replace("gpus_per_rank = 1", stated))
    outcome = run_rose_mpi(3, "config.toml", cwd=folder, timeout=60)
    assert outcome.code == 2, outcome
    assert outcome.errors.count(said) == 1, outcome
    assert not (folder / "results.h5").exists()


def test_the_version_tells_what_each_rank_sees(folder):
    outcome = run_rose_mpi(2, "--version", "-v", cwd=folder, timeout=60)
    assert outcome.code == 0, outcome
    first, library, ranks, *places = outcome.output.strip().splitlines()
    assert first.startswith("rose-mpi ")
    assert library.startswith(("Open MPI", "MPICH"))
    assert ranks == "2 ranks on 1 host"
    assert [place.split()[:2] for place in places] == [["rank", "0"], ["rank", "1"]]
    for place in places:
        assert f"{os.uname().nodename}  cores " in place
        assert place.endswith("GPUs 4, 5, 6, 7")
