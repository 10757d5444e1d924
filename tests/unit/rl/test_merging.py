"""Banks of parallel environments become one: nothing is lost, nothing counts twice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rose_mpi.errors import StoreError
from rose_mpi.rl import ExperienceBank
from rose_mpi.rl.merging import Merged, merge_banks, merge_folder
from tests.unit.rl.support import bank_of, rewards


def leave(folder, name, *found):
    return Path(bank_of(*found).save(folder, f"experience_bank_{name}.pkl"))


def merged_in(folder):
    return rewards(ExperienceBank.load(folder / "experience_bank.pkl"))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_iterations_add_to_one_bank(tmp_path):
    leave(tmp_path, "b", 2, 3)
    leave(tmp_path, "a", 0, 1)
    assert merge_folder(tmp_path, 0) == Merged(banks=2, added=4, total=4)
    leave(tmp_path, "a", 4)
    assert merge_folder(tmp_path, 1) == Merged(banks=1, added=1, total=5)
    assert merged_in(tmp_path) == [0, 1, 2, 3, 4]
    assert files(tmp_path) == ["experience_bank.npz"]


def test_other_files_stay(tmp_path):
    leave(tmp_path, "a", 0)
    bank_of(9).save(tmp_path, "replay")
    (tmp_path / "experience_bank_notes.txt").write_text("mine")
    merge_folder(tmp_path, 0)
    assert files(tmp_path) == ["experience_bank.npz", "experience_bank_notes.txt", "replay.npz"]


def test_banks_under_their_own_names(tmp_path):
    for reward in range(3):
        bank_of(reward).save(tmp_path)
    assert merge_folder(tmp_path, 0).banks == 3
    assert sorted(merged_in(tmp_path)) == [0, 1, 2]


def test_what_a_task_saved_as_the_merged_bank_is_added_to(tmp_path):
    bank_of(7).save(tmp_path, "experience_bank.pkl")
    leave(tmp_path, "a", 8)
    assert merge_folder(tmp_path, 0) == Merged(banks=1, added=1, total=2)
    assert merged_in(tmp_path) == [7, 8]


def test_an_empty_folder(tmp_path):
    assert merge_folder(tmp_path, 0) == Merged(banks=0, added=0, total=0)
    assert files(tmp_path) == []


def test_empty_banks_count_as_banks(tmp_path):
    leave(tmp_path, "a")
    assert merge_folder(tmp_path, 0) == Merged(banks=1, added=0, total=0)
    assert merged_in(tmp_path) == []


@pytest.mark.parametrize("damaged", ["experience_bank_a.npz", "experience_bank_c.npz", "experience_bank.npz"])
def test_a_bank_that_cannot_be_read_is_named_and_all_stays(tmp_path, damaged):
    leave(tmp_path, "a", 0)
    merge_folder(tmp_path, 0)
    for name in "abc":
        leave(tmp_path, name, 1)
    (tmp_path / damaged).write_bytes((tmp_path / damaged).read_bytes()[:-30])
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=f"{damaged} is damaged"):
        merge_folder(tmp_path, 1)
    assert contents(tmp_path) == before


def test_a_source_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        merge_banks([leave(tmp_path, "a", 0), tmp_path / "none.npz"], tmp_path / "target.npz")
    assert files(tmp_path) == ["experience_bank_a.npz"]


def test_the_merged_bank_cannot_be_written(tmp_path, monkeypatch):
    leave(tmp_path, "a", 0)
    before = contents(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match=r"experience_bank\.npz cannot be written: No space left"):
        merge_folder(tmp_path, 0)
    assert contents(tmp_path) == before


KILLED = """
import os, sys
from pathlib import Path
from rose_mpi.rl.merging import merge_folder
left = [int(sys.argv[2])]
def unlink(path, missing_ok=False):
    if not left[0]:
        os._exit(9)
    left[0] -= 1
    os.unlink(path)
Path.unlink = unlink
merge_folder(Path(sys.argv[1]), 1)
"""


@pytest.mark.parametrize("deleted", [0, 1, 2, 3])
def test_a_merge_that_was_killed_is_repeated_and_nothing_counts_twice(tmp_path, deleted):
    leave(tmp_path, "a", 0)
    merge_folder(tmp_path, 0)
    for reward, name in enumerate("abc", start=1):
        leave(tmp_path, name, reward)
    command = [sys.executable, "-c", KILLED, tmp_path, str(deleted)]
    assert subprocess.run(command, timeout=60).returncode == (9 if deleted < 3 else 0)
    assert len(files(tmp_path)) == 1 + 3 - deleted
    for _ in range(2):
        assert merge_folder(tmp_path, 1) == Merged(banks=3, added=3, total=4)
        assert merged_in(tmp_path) == [0, 1, 2, 3]
        assert files(tmp_path) == ["experience_bank.npz"]


def test_a_bank_that_comes_after_a_killed_merge_is_added(tmp_path):
    first = leave(tmp_path, "a", 0)
    copy = shutil.copy(first, tmp_path / "kept")
    merge_folder(tmp_path, 0)
    shutil.move(copy, first)
    leave(tmp_path, "b", 1)
    assert merge_folder(tmp_path, 0) == Merged(banks=2, added=2, total=2)
    assert merged_in(tmp_path) == [0, 1]


def test_the_same_content_counts_again_in_another_iteration_and_under_another_name(tmp_path):
    content = leave(tmp_path, "a", 0).read_bytes()
    (tmp_path / "experience_bank_b.npz").write_bytes(content)
    assert merge_folder(tmp_path, 0) == Merged(banks=2, added=2, total=2)
    (tmp_path / "experience_bank_a.npz").write_bytes(content)
    assert merge_folder(tmp_path, 1) == Merged(banks=1, added=1, total=3)


def test_a_merged_bank_that_cannot_be_deleted_is_told(tmp_path, monkeypatch):
    leave(tmp_path, "a", 0)

    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StoreError, match=r"is merged but cannot be deleted.*Permission denied"):
            merge_folder(tmp_path, 0)
    assert merge_folder(tmp_path, 0) == Merged(banks=1, added=1, total=1)


def test_banks_become_a_new_one_and_stay(tmp_path):
    sources = [leave(tmp_path, "b", 1, 2), leave(tmp_path, "a", 0)]
    assert merge_banks(sources, tmp_path / "all.npz") == Merged(banks=2, added=3, total=3)
    assert rewards(ExperienceBank.load(tmp_path / "all")) == [0, 1, 2]
    assert all(source.exists() for source in sources)
