import pytest

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store.rotate import set_aside


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "results.h5")


def leave_run(layout, mark):
    layout.results.write_text(mark)
    layout.log.write_text(mark)
    for folder in (layout.arrays, layout.work):
        (folder / "entropy").mkdir(parents=True)
        (folder / "entropy" / "file").write_text(mark)


def test_nothing_is_left_alone(layout):
    assert set_aside(layout) is None


def test_runs_go_to_the_next_free_number_with_all_they_have(layout, tmp_path):
    for number in (1, 2, 3):
        leave_run(layout, str(number))
        assert set_aside(layout) == Layout(tmp_path / f"results.{number}.h5")
    expected = {f"results.{n}.{end}" for n in (1, 2, 3) for end in ("h5", "h5.log", "d", "work")}
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert (tmp_path / "results.2.h5").read_text() == "2"
    assert (tmp_path / "results.2.h5.log").read_text() == "2"
    assert (tmp_path / "results.2.work/entropy/file").read_text() == "2"


def test_a_number_whose_folder_is_taken_is_left_alone(layout, tmp_path):
    leave_run(layout, "new")
    (tmp_path / "results.1.d").mkdir()
    assert set_aside(layout) == Layout(tmp_path / "results.2.h5")


def test_an_interrupted_move_is_completed_under_its_number(layout, tmp_path):
    leave_run(layout, "old")
    layout.work.rename(tmp_path / "results.1.work")
    layout.log.rename(tmp_path / "results.1.h5.log")
    assert set_aside(layout) == Layout(tmp_path / "results.1.h5")
    assert (tmp_path / "results.1.d/entropy/file").read_text() == "old"


def test_folders_without_a_file_are_moved_too(layout, tmp_path):
    layout.work.mkdir()
    assert set_aside(layout) == Layout(tmp_path / "results.1.h5")
    assert not layout.work.exists()


def test_what_cannot_be_moved_is_named(layout, monkeypatch):
    leave_run(layout, "old")

    def refuse(path, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(StoreError, match=r"results\.work cannot be moved to results\.1\.work: Permission"):
        set_aside(layout)


def test_a_number_whose_file_is_taken_is_left_alone(layout, tmp_path):
    layout.work.mkdir()
    (tmp_path / "results.1.h5").write_text("an earlier run")
    assert set_aside(layout) == Layout(tmp_path / "results.2.h5")
