import h5py
import numpy as np
import pandas as pd
import pytest
import xarray

from rose_mpi.events import IterationFinished, LearnerStarted
from rose_mpi.iteration import IterationState
from rose_mpi.store import schema
from rose_mpi.store.contents import read_file
from rose_mpi.store.image import image
from rose_mpi.store.state import TASK_TYPES
from tests.unit.store.sample import STARTED, T0, campaign, contents, folded, task


def saved(path, *events):
    run = folded(*events)
    path.write_bytes(image(run, len(events), lambda: None))
    return run


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.h5"
    saved(path, *campaign())
    return path


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "results.h5"
    run = saved(path, *campaign())
    read = read_file(path)
    assert read.generation == len(list(campaign()))
    assert contents(read.run) == contents(run)


def test_xarray_opens_a_learner(results):
    with xarray.open_dataset(results, group="learners/entropy", engine="h5netcdf") as learner:
        assert dict(learner.sizes) == {"iteration": 3, "model": 2, "query": 3}
        assert learner.iteration.values.tolist() == [0, 1, 2]
        assert learner.model.values.tolist() == ["mlp", "forest"]
        assert learner.metric.values.tolist() == [0.5, 0.6, 0.7]
        assert learner.model_metric.sel(model="forest").values.tolist()[1:] == [0.75, 0.75]
        assert np.isnan(learner.model_metric.sel(model="forest", iteration=0))
        assert learner.selected.dtype == np.int64
        assert learner.selected.values.tolist() == [[0, -1, -1], [10, 11, -1], [20, 21, 22]]
        assert np.isnan(learner.selected_score.values[0]).tolist() == [False, True, True]
        assert learner.n_selected.values.tolist() == [1, 2, 3]
        assert learner.finished.values[0] == np.datetime64("2023-11-14T22:13:20.5")
        assert learner.attrs["stop_reason"] == "criterion_met"
        assert learner.attrs["threshold"] == 0.93
        assert learner.attrs["max_iterations"] == 12
        assert learner.attrs["group"] == "1 2"


def test_xarray_opens_the_whole_tree(results):
    with xarray.open_datatree(results, engine="h5netcdf") as tree:
        assert tree["learners/entropy/state/loss"].sel(iteration=2) == 0.5
        assert tree["learners/random"].attrs["error"] == "simulation.0 failed"


def test_xarray_opens_the_tasks(results):
    with xarray.open_dataset(results, group="tasks", engine="h5netcdf") as tasks:
        assert dict(tasks.sizes) == {"task": 4}
        assert tasks.status.values.tolist() == ["done"] * 3 + ["failed"]
        assert tasks.exit_code.values.tolist() == [0, 0, 0, -1]
        assert tasks.error.values[3] == "it broke\u2400 here ?\nä"
        assert tasks.cpu_seconds.dtype == np.float64
        late = tasks.started.values[1] - np.datetime64("2023-11-14T22:13:21.25")
        assert abs(late) < np.timedelta64(1, "us")


def test_pandas_makes_a_frame_of_the_tasks(results):
    with h5py.File(results) as file:
        frame = pd.DataFrame({name: column.asstr()[:] if column.dtype == object else column[:]
                              for name, column in file["tasks"].items()})  # fmt: skip
    assert frame.set_index("task").query("status == 'done'")["result"].tolist()[1] == (
        '{"n": 1, "x": [1.5, null, "\\u00fc"]}'
    )


def test_every_dataset_has_units_a_long_name_and_axes(results):
    datasets = []

    def look(name, item):
        if isinstance(item, h5py.Dataset):
            datasets.append(name)
            assert item.attrs["units"] and item.attrs["long_name"], name
            assert item.is_scale or all(len(dimension) == 1 for dimension in item.dims), name
            assert item.dtype != object or h5py.check_string_dtype(item.dtype), name

    with h5py.File(results) as file:
        file.visititems(look)
        assert file.attrs["schema_version"] == schema.SCHEMA_VERSION
        assert file.attrs["config"] == STARTED.config
        assert (file.attrs["run"], file.attrs["status"], file.attrs["seed"]) == ("run-1", "failed", 7)
        assert (file.attrs["started"], file.attrs["finished"]) == (T0, T0 + 10)
        assert list(file["learners"]) == ["random", "entropy"]
    assert len(datasets) == 2 * 14 + 1 + 20


def test_the_columns_of_the_tasks_are_described_in_their_order():
    assert list(schema.TASK_COLUMNS) == list(TASK_TYPES)


def test_a_run_that_has_just_begun_is_a_file_too(tmp_path):
    path = tmp_path / "results.h5"
    run = saved(path, STARTED, LearnerStarted("entropy", "active", (0,), ("",), "", 0.0, "", 0))
    assert contents(read_file(path).run) == contents(run)
    for group in ("learners/entropy", "learners/entropy/state", "tasks"):
        with xarray.open_dataset(path, group=group, engine="h5netcdf") as dataset:
            dataset.load()


@pytest.mark.parametrize("key", ["iteration", "model", "a/b", "", ".", "..", "100%", "%2F", "ü", " "])
def test_any_key_of_a_state_comes_back(tmp_path, key):
    path = tmp_path / "results.h5"
    state = IterationState("entropy", 0, T0, T0 + 1, state={key: 4.5})
    started = LearnerStarted("entropy", "active", (0,), ("",), "", 0.0, "", 0)
    saved(path, STARTED, started, IterationFinished(state))
    assert read_file(path).run.learners["entropy"].iterations[0].state == {key: 4.5}
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        assert [float(v[0]) for v in tree["learners/entropy/state"].data_vars.values()] == [4.5]


def test_more_keys_than_an_axis_can_list_cost_the_rest_and_a_warning(tmp_path, caplog):
    path = tmp_path / "results.h5"
    state = IterationState("entropy", 0, T0, T0 + 1, state={str(n): 1.0 for n in range(5000)})
    started = LearnerStarted("entropy", "active", (0,), ("",), "", 0.0, "", 0)
    saved(path, STARTED, started, IterationFinished(state))
    assert len(read_file(path).run.learners["entropy"].iterations[0].state) == 2000
    assert "only the first 2000 of 5000 numbers" in caplog.text


@pytest.mark.parametrize("name", ["a.b", "a-b_C.9", "task", "."])
def test_learners_keep_their_names(tmp_path, name):
    path = tmp_path / "results.h5"
    saved(path, STARTED, LearnerStarted(name, "uq", tuple(range(100_000)), ("",), "", 0.0, "", 0))
    read = read_file(path).run.learners[name].started
    assert (read.learner, len(read.group)) == (name, 100_000)


def test_tasks_are_written_in_several_parts(tmp_path):
    path = tmp_path / "results.h5"
    run = saved(path, STARTED, *(task(n, n) for n in range(45_000)))
    assert list(read_file(path).run.tasks) == list(run.tasks)
