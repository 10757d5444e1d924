"""Which file an array maps, and the same file again."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rose_mpi.uq.mapped import files_of, map_again

VALUES = np.arange(24.0).reshape(8, 3)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "values.npy", VALUES)
    return tmp_path / "values.npy"


def mapped(path, mode="r"):
    return np.load(path, mmap_mode=mode)


def again(array):
    (file,) = files_of([array])
    return map_again(file, array.shape, array.dtype)


@pytest.mark.parametrize(
    "part",
    [
        lambda rows: rows,
        np.asarray,
        lambda rows: rows[2:5],
        lambda rows: np.asarray(rows)[3:][1:],
        lambda rows: rows.reshape(4, 6),
    ],
)
def test_what_an_array_maps_is_mapped_again(path, part):
    array = part(mapped(path))
    assert np.array_equal(again(array), array)


def test_a_file_known_by_a_relative_path(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    (file,) = files_of([mapped(path.name)])
    monkeypatch.chdir("/")
    assert np.array_equal(map_again(file, VALUES.shape, VALUES.dtype), VALUES)


@pytest.mark.parametrize(
    "part",
    [
        lambda path: VALUES,
        lambda path: mapped(path, "r+"),
        lambda path: mapped(path, "c"),
        lambda path: mapped(path)[:, :2],
        lambda path: mapped(path)[:0],
        lambda path: mapped(path) + 0.0,
        lambda path: mapped(path).astype(">f8"),
    ],
    ids=["in memory", "writable", "copy on write", "columns", "empty", "a result", "other byte order"],
)
def test_arrays_that_are_no_files_alone(path, part):
    assert files_of([part(path)]) == (None,)


def test_a_path_that_leads_to_a_newer_file_by_now(path):
    array = mapped(path)
    np.save(path.with_name("newer.npy"), VALUES + 1)
    path.with_name("newer.npy").replace(path)
    assert files_of([array]) == (None,)


def test_a_path_that_leads_nowhere_by_now(path):
    array = mapped(path)
    path.unlink()
    assert files_of([array]) == (None,)


@pytest.mark.parametrize("change", ["gone", "replaced", "written to"])
def test_another_rank_does_not_find_the_file(path, change):
    (file,) = files_of([mapped(path)])
    if change == "written to":
        os.utime(path, ns=(0, 0))
    else:
        path.rename(path.with_name("old.npy"))
    if change == "replaced":
        np.save(path, VALUES)
    assert map_again(file, VALUES.shape, VALUES.dtype) is None
