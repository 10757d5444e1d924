"""What `--resume` says of runs that are finished, failed, changed or of another kind."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tests.system.launching import run_python, run_rose_mpi

CONFIG = """
[run]
max_iterations = 2
[tasks.simulation]
command = "sh {config_dir}/task.sh"
[tasks.training]
command = "true"
[tasks.active_learn]
command = "true"
[[learners]]
name = "one"
kind = "active"
"""
TASK = """
[ ! -e "$ROSE_ROOT/broken" ] || exit 1
echo "$ROSE_TASK" >>"$ROSE_ROOT/ledger"
"""


@pytest.fixture
def rose(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "task.sh").write_text(TASK)
    return lambda *options: run_rose_mpi(0, "config.toml", *options, cwd=tmp_path, timeout=60)


def ledger(folder):
    return (folder / "ledger").read_text().split()


def test_without_results_a_run_begins_and_a_finished_one_has_nothing_to_do(rose, tmp_path):
    first = rose("--resume")
    assert (first.code, first.errors) == (0, ""), first
    with h5py.File(tmp_path / "results.h5") as file:
        times = file.attrs["finished"], file["tasks/finished"][()].tolist()
    again = rose("--resume")
    assert (again.code, again.errors) == (0, ""), again
    assert f"{tmp_path}/results.h5 holds a finished run: nothing is left to do" in again.output
    assert again.output.splitlines()[-1].split() == first.output.splitlines()[-1].split()
    assert len(ledger(tmp_path)) == 2
    with h5py.File(tmp_path / "results.h5") as file:
        assert times == (file.attrs["finished"], file["tasks/finished"][()].tolist())
    assert not (tmp_path / "results.1.h5").exists()


def test_a_damaged_file_stays_until_a_run_begins_anew(rose, tmp_path):
    rose()
    data = (tmp_path / "results.h5").read_bytes()[:3000]
    (tmp_path / "results.h5").write_bytes(data)
    refused = rose("--resume")
    assert refused.code == 1, refused
    assert "results.h5 is damaged and cannot be read: put a copy in its place, or begin" in refused.errors
    assert (tmp_path / "results.h5").read_bytes() == data
    assert rose().code == 0
    assert (tmp_path / "results.1.h5").read_bytes() == data


def test_more_iterations_go_on_with_a_finished_run(rose, tmp_path):
    rose()
    more = rose("--resume", "--max-iter", "4")
    assert more.code == 0, more
    assert "changed since the run began: --max-iter was not set, now 4" in more.output
    assert ledger(tmp_path) == [f"one.{number}.simulation.0" for number in range(4)]


def test_another_configuration_is_refused_key_by_key_unless_it_is_forced(rose, tmp_path):
    rose()
    changed = ["--resume", "--set", "run.seed=5", "--set", "tasks.training.command=echo 1"]
    refused = rose(*changed, "--max-iter", "3")
    assert refused.code == 2
    assert refused.errors.splitlines() == [
        f"rose-mpi: {tmp_path}/results.h5 was begun with another configuration:",
        "  run.seed was 0, now 5",
        "  tasks.training.command was 'true', now 'echo 1'",
        "Undo this, name another --output, or go on nevertheless with --force.",
    ]
    assert not (tmp_path / "results.h5.lock").exists()
    forced = rose(*changed, "--max-iter", "3", "--force")
    assert forced.code == 0, forced
    assert len(ledger(tmp_path)) == 3


def test_a_learner_that_failed_is_tried_again(rose, tmp_path):
    (tmp_path / "broken").touch()
    assert rose().code == 3
    assert rose("--resume").code == 3
    (tmp_path / "broken").unlink()
    again = rose("--resume")
    assert again.code == 0, again
    with h5py.File(tmp_path / "results.h5") as file:
        assert file["tasks/status"].asstr()[()].tolist() == ["done"] * 6


def test_what_an_attempt_left_before_it_failed_is_no_result_of_the_next(rose, tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "task.sh").write_text(
        '[ ! -e "$ROSE_ROOT/broken" ] || { echo 1 >"$ROSE_RESULT.json"; exit 1; }\n'
        'cp "$ROSE_ROOT/array.npy" "$ROSE_RESULT.npy"\n'
    )
    (tmp_path / "broken").touch()
    assert rose().code == 3
    (tmp_path / "broken").unlink()
    again = rose("--resume")
    assert again.code == 0, again


def test_the_results_of_programs_and_of_configurations_are_not_confused(rose, tmp_path):
    rose()
    (tmp_path / "program.py").write_text("from rose_mpi.engine import Engine\nEngine(resume=True)\n")
    refused = run_python(0, "program.py", cwd=tmp_path, timeout=60)
    assert refused.code == 2
    assert "results.h5 cannot be resumed: it is the run of a configuration" in refused.errors
    (tmp_path / "results.h5").unlink()
    assert run_python(0, "program.py", cwd=tmp_path, timeout=60).code == 0
    refused = rose("--resume")
    assert refused.code == 2
    assert "is the run of a Python program: start that with Engine(resume=True)" in refused.errors
    (tmp_path / "program.py").write_text("from rose_mpi.engine import Engine\nEngine(resume=True, seed=3)\n")
    refused = run_python(0, "program.py", cwd=tmp_path, timeout=60)
    assert refused.code == 2
    assert "cannot be resumed with seed=3: it was begun with seed=0" in refused.errors
