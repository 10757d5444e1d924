"""The quickstart, as the README starts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray

from tests.system.launching import run_rose_mpi

CONFIG = Path(__file__).parents[2] / "examples" / "quickstart" / "config.toml"
POOL = 1797 - 500 - 40


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    outcome = run_rose_mpi(4, CONFIG, cwd=folder, timeout=400)
    assert outcome.code == 0, outcome
    assert "best: entropy" in outcome.output, outcome
    return folder / "results.h5"


def learner(results, name):
    return xarray.load_dataset(results, group=f"learners/{name}", engine="h5netcdf")


def labels(results, name):
    state = xarray.load_dataset(results, group=f"learners/{name}/state", engine="h5netcdf")
    return state["labels"].to_numpy()


@pytest.mark.timeout(450)
def test_choosing_by_entropy_needs_fewer_labels_than_chance(results):
    assert learner(results, "entropy").attrs["stop_reason"] == "criterion_met"
    assert labels(results, "entropy")[-1] < labels(results, "random")[-1]


@pytest.mark.timeout(450)
@pytest.mark.parametrize("name", ["entropy", "random"])
def test_each_learner_is_recorded_whole(results, name):
    dataset = learner(results, name)
    iterations = dataset.sizes["iteration"]
    assert dataset.attrs["status"] == "done"
    assert list(dataset["model"].to_numpy()) == ["mlp", "forest", "logistic"]
    assert list(labels(results, name)) == [40 + 20 * i for i in range(iterations)]
    assert np.allclose(dataset["metric"], dataset["model_metric"].mean("model"))
    chosen = dataset["selected"].to_numpy().ravel()
    assert len(set(chosen)) == chosen.size == 20 * iterations
    assert set(chosen) <= set(range(POOL))


@pytest.mark.timeout(450)
def test_a_model_that_met_its_criterion_trains_no_more(results):
    reached = learner(results, "entropy")["model_metric"].to_numpy() >= 0.945
    for model in range(3):
        first = np.argmax(reached[:, model])
        values = learner(results, "entropy")["model_metric"].to_numpy()[first:, model]
        assert np.all(values == values[0])
