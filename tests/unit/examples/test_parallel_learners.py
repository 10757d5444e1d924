"""The scripts of the parallel learners really use the options that their configurations give them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.examples.scripts import Scripts, modules


@pytest.fixture
def scripts(tmp_path):
    return Scripts("parallel_learners", tmp_path)


def samples(folder):
    with np.load(folder / "samples.npz") as file:
        return file["points"], file["heights"]


def network(folder, iteration):
    with np.load(folder / f"network-{iteration}.npz") as file:
        return [file[name] for name in file.files]


def changed(before, after):
    return max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True))


def test_simulation_obeys_its_options(scripts, tmp_path):
    scripts.run("sim.py", "--n_labeled", "37", "--n_features", "3", "--noise_level", "0")
    points, heights = samples(tmp_path)
    assert points.shape == (37, 3)
    with modules("parallel_learners", "experiment") as (experiment,):
        assert np.array_equal(heights, experiment.measure(points))
        scripts.run("sim.py", "--n_labeled", "4000", "--noise_level", "0.3")
        points, heights = samples(tmp_path)
        assert points.shape == (4000, 2)
        assert np.std(heights - experiment.measure(points)) == pytest.approx(0.3, rel=0.1)


def test_training_obeys_its_options(scripts, tmp_path):
    scripts.run("sim.py")
    scripts.run("train.py", "--learning_rate", "0")
    untrained = network(tmp_path, 0)
    scripts.run("train.py", "--learning_rate", "0.001")
    slow = network(tmp_path, 0)
    scripts.run("train.py", "--learning_rate", "0.01")
    fast = network(tmp_path, 0)
    assert 0 < changed(untrained, slow) < changed(untrained, fast)
    scripts.run("train.py", "--learning_rate", "0.01", "--batch_size", "64")
    assert changed(fast, network(tmp_path, 0)) > 0


def test_training_goes_on_where_it_ended_also_when_it_is_repeated(scripts, tmp_path):
    scripts.run("sim.py")
    scripts.run("train.py")
    scripts.run("train.py", "--learning_rate", "0", ROSE_ITERATION="1")
    assert changed(network(tmp_path, 0), network(tmp_path, 1)) == 0
    scripts.run("train.py", ROSE_ITERATION="1")
    first = network(tmp_path, 1)
    scripts.run("train.py", ROSE_ITERATION="1")
    assert 0 == changed(first, network(tmp_path, 1)) < changed(first, network(tmp_path, 0))


def test_the_next_simulation_looks_around_the_hardest_points(scripts, tmp_path):
    scripts.run("sim.py")
    scripts.run("train.py")
    scripts.run("active.py")
    hardest = np.load(tmp_path / "hardest.npy")
    scripts.run("sim.py", ROSE_ITERATION="1", ROSE_SEED="2")
    points, _ = samples(tmp_path)
    distances = np.linalg.norm(points[:, None] - hardest, axis=2).min(axis=1)
    assert (hardest.shape, points.shape) == ((20, 2), (100, 2))
    assert np.median(distances[:50]) < 0.12 < np.median(distances[50:])


def test_gradient_is_the_slope_of_the_error():
    with modules("parallel_learners", "network") as (module,):
        rng = np.random.default_rng(0)
        net = module.Network.random(2, rng)
        net.weights = [array + rng.normal(size=array.shape) for array in net.weights]
        points, heights = rng.normal(size=(7, 2)), rng.normal(size=7)
        for array, gradient in zip(net.weights, net.gradient(points, heights), strict=True):
            errors = []
            for step in (1e-6, -2e-6):
                array.flat[0] += step
                errors.append(np.mean((net.predict(points) - heights) ** 2) / 2)
            array.flat[0] += 1e-6
            assert gradient.flat[0] == pytest.approx((errors[0] - errors[1]) / 2e-6, rel=1e-4)
