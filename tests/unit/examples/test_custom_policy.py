"""The scripts of the custom policy: simulations side by side in one folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.unit.examples.scripts import Scripts, modules


@pytest.fixture
def scripts(tmp_path):
    return Scripts("custom_policy", tmp_path)


def simulate(scripts, iteration=0):
    for index in range(3):
        scripts.run(
            "simulation.py",
            ROSE_TASK=f"teach-0.{iteration}.simulation.{index}",
            ROSE_SEED=str(10 * iteration + index),
        )


@pytest.mark.parametrize(
    ("q", "a", "stable"),
    [
        (0.3, 0.0, True),
        (0.3, 0.1, False),
        (0.89, 0.0, True),
        (0.93, 0.0, False),
        (0.706, 0.22, True),
        (0.706, 0.25, False),
    ],
)
def test_the_trap_has_the_textbook_region_of_stability(q, a, stable):
    with modules("custom_policy", "ion_trap") as (ion_trap,):
        point = np.array([[q / ion_trap.LARGEST_Q, a / ion_trap.LARGEST_A]])
        assert ion_trap.is_stable(point)[0] == stable


def test_simulations_of_one_iteration_write_files_of_their_own(scripts, tmp_path):
    simulate(scripts)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"simulation-teach-0.0.simulation.{i}.npz" for i in range(3)]
    contents = [file.read_bytes() for file in files]
    assert len(set(contents)) == 3
    simulate(scripts)
    assert [file.read_bytes() for file in files] == contents
    assert json.loads(scripts.run("post_process_simulation.py"))["simulated"] == 60


def test_the_surrogate_improves_where_it_asks_for_samples(scripts, tmp_path):
    accuracies = []
    for iteration in range(3):
        simulate(scripts, iteration)
        scripts.run("training.py")
        accuracies.append(float(scripts.run("check_accuracy.py")))
        scripts.run("active_learn.py")
    assert 0.85 < accuracies[0] < accuracies[-1] < 1
    with modules("custom_policy", "ion_trap") as (ion_trap,):
        query = np.load(tmp_path / "query.npy")
        assert query.shape == (200, 2)
        # near the boundary a small step changes the answer far more often than elsewhere
        step = np.array([0.05, 0.0])
        changes = np.mean(ion_trap.is_stable(query) != ion_trap.is_stable(query + step))
        grid = ion_trap.grid()
        assert changes > 3 * np.mean(ion_trap.is_stable(grid) != ion_trap.is_stable(grid + step))
