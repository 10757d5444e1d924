"""Tasks that fail are repeated, and too many failures end a learner or the run."""

from __future__ import annotations

import pytest

from rose_mpi.store.reader import read_results
from tests.system.launching import run_rose_mpi

FLAKY = "sh -c 'test -e marker-$ROSE_INDEX || { touch marker-$ROSE_INDEX; exit 1; }'"
HALF = "sh -c 'exit $((ROSE_INDEX % 2))'"


def config(tmp_path, command, run="", more=""):
    path = tmp_path / "config.toml"
    path.write_text(
        f'''
[run]
max_iterations = 3
{run}

[tasks.simulation]
command = "{command}"
count = 6
{more}

[tasks.training]
command = "true"

[[learners]]
name = "a"

[[learners]]
name = "b"
simulation.command = "true"
'''
    )
    return path


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_failed_task_is_repeated_after_a_while(tmp_path, ranks):
    path = config(tmp_path, FLAKY, more="retries = 1")
    outcome = run_rose_mpi(ranks, path, "--set", "engine.retry_delay=0.5", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    rows = [row for row in read_results(tmp_path / "results.h5").tasks if row.learner == "a"]
    first = {row.index: row for row in rows if row.status == "failed"}
    again = {row.index: row for row in rows if row.attempt == 1}
    assert first.keys() == again.keys() == set(range(6))
    assert all(again[index].started - first[index].finished >= 0.5 for index in first)


def test_a_learner_ends_with_its_limit_of_failures(tmp_path):
    path = config(tmp_path, HALF, run="max_failures_per_learner = 5", more='on_failure = "skip"')
    outcome = run_rose_mpi(3, path, cwd=tmp_path, timeout=60)
    assert outcome.code == 3, outcome
    assert "5 attempts of learner 'a' failed: max_failures_per_learner = 5" in outcome.output
    learners = read_results(tmp_path / "results.h5").learners
    assert (learners["a"].stop_reason, learners["b"].stop_reason) == ("error", "max_iter_reached")


def test_the_run_ends_with_its_limit_of_failures(tmp_path):
    path = config(tmp_path, HALF, run="max_failures = 2", more='on_failure = "skip"')
    path.write_text(path.read_text().replace('simulation.command = "true"', 'simulation.command = "sleep 5"'))
    outcome = run_rose_mpi(3, path, cwd=tmp_path, timeout=60)
    assert outcome.code == 3, outcome
    assert "2 attempts of the run's tasks failed: max_failures = 2" in outcome.output
    learners = read_results(tmp_path / "results.h5").learners
    assert {learner.stop_reason for learner in learners.values()} == {"error"}
