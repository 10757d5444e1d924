import h5py
import pytest

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store.image import image
from rose_mpi.store.log import LogHeader, LogWriter, framed
from rose_mpi.store.reader import read_results
from rose_mpi.store.records import encode, record_of
from tests.unit.store.sample import STARTED, campaign, contents, folded

EVENTS = list(campaign())


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "results.h5")


def put_file(layout, generation):
    layout.results.write_bytes(image(folded(*EVENTS[:generation]), generation, lambda: None))


def put_log(layout, generation, run=STARTED.run, end=None):
    frames = b"".join(framed(encode(record_of(event))) for event in EVENTS[generation:end])
    LogWriter(layout.log, layout.draft(layout.log), LogHeader(run, generation), frames).close()


@pytest.mark.parametrize("of_file", range(1, len(EVENTS) + 1))
def test_file_and_log_make_one_record_whichever_was_replaced_last(layout, of_file):
    put_file(layout, of_file)
    for of_log in range(1, of_file + 1):
        put_log(layout, of_log)
        assert contents(read_results(layout.results)) == contents(folded(*EVENTS))


def test_a_log_that_ends_before_the_file_adds_nothing(layout):
    put_file(layout, 8)
    put_log(layout, 1, end=5)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:8]))


def test_a_file_without_a_log_is_read_alone(layout):
    put_file(layout, 5)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:5]))


@pytest.mark.parametrize(("generation", "run"), [(7, STARTED.run), (5, "another run")])
def test_a_log_that_does_not_follow_the_file_is_refused(layout, generation, run, monkeypatch):
    monkeypatch.setattr("rose_mpi.store.reader._PAUSE", 0.0)
    put_file(layout, 5)
    put_log(layout, generation, run)
    with pytest.raises(StoreError, match=r"results\.h5\.log does not belong to .*results\.h5"):
        read_results(layout.results)


def test_a_record_of_an_unknown_kind_is_refused(layout):
    put_file(layout, 5)
    LogWriter(layout.log, layout.draft(layout.log), LogHeader(STARTED.run, 5), framed(b"\xee...")).close()
    with pytest.raises(StoreError, match="holds a record that cannot be read"):
        read_results(layout.results)


def test_a_missing_file_is_named(layout):
    with pytest.raises(StoreError, match=r"there is no results file .*results\.h5"):
        read_results(layout.results)


def test_a_folder_is_no_results_file(tmp_path):
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        read_results(tmp_path)


def test_another_kind_of_file_is_named(layout):
    layout.results.write_text("not HDF5")
    with pytest.raises(StoreError, match="is no HDF5 file"):
        read_results(layout.results)


def test_another_hdf5_file_is_named(layout):
    with h5py.File(layout.results, "w") as file:
        file["x"] = 1
    with pytest.raises(StoreError, match="is no results file of rose-mpi"):
        read_results(layout.results)


def test_a_newer_schema_is_named(layout):
    put_file(layout, 5)
    with h5py.File(layout.results, "a") as file:
        file.attrs.update(schema_version=2, rose_mpi_version="9.0")
    with pytest.raises(StoreError, match=r"schema version 2, .* up to 1: use rose-mpi 9\.0"):
        read_results(layout.results)


def test_a_file_cut_anywhere_is_damaged_not_a_traceback(layout):
    put_file(layout, len(EVENTS))
    data = layout.results.read_bytes()
    for length in [0, 5, *range(8, len(data), 997)]:
        layout.results.write_bytes(data[:length])
        with pytest.raises(StoreError) as caught:
            read_results(layout.results)
        assert str(caught.value) == (
            f"{layout.results} is damaged and cannot be read: put a copy in its place, or begin anew without "
            "resuming, which moves it aside"
        )


def test_a_file_without_a_part_is_damaged(layout):
    put_file(layout, len(EVENTS))
    with h5py.File(layout.results, "a") as file:
        del file["learners/entropy/selected"]
    with pytest.raises(StoreError, match="is damaged"):
        read_results(layout.results)
