"""The file of a bank: its name, its faults, and that it is whole at every moment."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.errors import StoreError, UsageError
from rose_mpi.rl import ExperienceBank
from rose_mpi.rl.bank_file import FIELDS, bank_path, read_bank
from tests.unit.rl.support import bank_of, rewards, same


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("experience_bank.pkl", "experience_bank.npz"),
        ("experience_bank.pickle", "experience_bank.npz"),
        ("experience_bank.npz", "experience_bank.npz"),
        ("experience_bank", "experience_bank.npz"),
        ("bank.v1", "bank.v1.npz"),
    ],
)
def test_the_name_of_the_file(tmp_path, given, kept):
    path = bank_of(1, 2).save(str(tmp_path), given)
    assert path == str(tmp_path / kept)
    assert [each.name for each in tmp_path.iterdir()] == [kept]
    assert rewards(ExperienceBank.load(f"{tmp_path}/{given}")) == [1, 2]
    assert rewards(ExperienceBank.load(tmp_path / kept)) == [1, 2]


def test_the_session_id_names_it_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bank_of(1, session_id="a.b").save() == "a.b.npz"
    assert Path("a.b.npz").is_file()


@pytest.mark.parametrize("given", ["", ".", "/"])
def test_no_name(given):
    with pytest.raises(UsageError, match="names no file"):
        bank_path(given)


def test_the_last_ones_are_loaded_into_a_small_bank(tmp_path):
    bank = ExperienceBank.load(bank_of(0, 1, 2).save(tmp_path), max_size=2)
    assert (bank.max_size, rewards(bank)) == (2, [1, 2])


def test_numpy_opens_it(tmp_path):
    with np.load(bank_of(0, 1).save(tmp_path)) as file:
        assert sorted(file) == sorted([*FIELDS, "header"])
        assert same(file["state"], np.array([[0] * 3, [1] * 3], np.float32))
        assert json.loads(file["header"].tobytes())["version"] == 1


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no experience bank .*bank\.npz"):
        ExperienceBank.load(tmp_path / "bank.pkl")


@pytest.mark.parametrize("given", ["bank.pkl", "bank.npz", "bank"])
def test_a_pickle_is_refused(tmp_path, given):
    (tmp_path / "bank.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(UsageError, match=r"bank\.pkl is a pickle, and pickles are not read"):
        ExperienceBank.load(tmp_path / given)


def test_a_bank_beside_a_pickle_is_read(tmp_path):
    (tmp_path / "bank.pkl").write_bytes(b"old")
    bank_of(1).save(tmp_path, "bank.pkl")
    assert rewards(ExperienceBank.load(tmp_path / "bank.pkl")) == [1]
    assert (tmp_path / "bank.pkl").read_bytes() == b"old"


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(bank_of(1).save())
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"state": np.array([Trap()], object)})
    with pytest.raises(StoreError, match="damaged"):
        ExperienceBank.load(path)
    Path("renamed.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(StoreError, match="damaged or no bank"):
        ExperienceBank.load("renamed.npz")
    assert not Path("sprung").exists()


def test_every_truncation_is_noticed(tmp_path):
    path = Path(bank_of(1, 2).save(tmp_path))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=f"{path.name} is damaged"):
            ExperienceBank.load(path)
    path.write_bytes(whole)
    assert len(ExperienceBank.load(path)) == 2


@pytest.mark.parametrize("flip", [0x01, 0x08, 0xFF])
def test_every_damaged_byte_is_noticed_or_harmless(tmp_path, flip):
    path = Path(bank_of(1, 2).save(tmp_path))
    whole = path.read_bytes()
    intact, noticed = read_bank(path), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        try:
            read = read_bank(path)
        except StoreError:
            noticed += 1
        else:
            assert (read.session_id, read.sources) == (intact.session_id, intact.sources)
            assert same(read.columns, intact.columns), place
    assert noticed > 0.7 * len(whole), "all but dates and the like in the archive's own headers"


def test_damage_that_looks_compressed(tmp_path):
    path = Path(bank_of(1).save(tmp_path))
    damaged = bytearray(path.read_bytes())
    damaged[damaged.rindex(b"PK\x01\x02") + 10] = 8
    damaged[damaged.rindex(b"\x93NUMPY")] = 0xFF
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        ExperienceBank.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "else"}, "damaged or no bank: its header says 'else'"),
        ({"version": 2}, "newer rose-mpi"),
        ({"kinds": {"state": "odd"}}, "damaged"),
        ({"kinds": {}}, "damaged"),
    ],
)
def test_another_file_than_a_bank(tmp_path, change, message):
    path = bank_of(1).save(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes()) | change
    np.savez(path, **arrays | {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    with pytest.raises(StoreError, match=message):
        ExperienceBank.load(path)


def test_a_header_of_another_kind(tmp_path):
    np.savez(tmp_path / "bank.npz", header=np.frombuffer(b"[]", np.uint8))
    with pytest.raises(StoreError, match="damaged or no bank"):
        ExperienceBank.load(tmp_path / "bank")


def test_columns_of_different_length(tmp_path):
    path = bank_of(1, 2).save(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"reward": np.ones(1)})
    with pytest.raises(StoreError, match="differ in length"):
        ExperienceBank.load(path)


def test_a_file_of_numpys_own_is_no_bank(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(StoreError, match="damaged or no bank"):
        ExperienceBank.load(tmp_path / "other.npz")


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "bank.npz").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        ExperienceBank.load(tmp_path / "bank.npz")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match=r"bank\.npz cannot be written: No such file or directory"):
        bank_of(1).save(tmp_path / "nowhere", "bank")


FULL_DISK = """
import resource, sys
from rose_mpi.errors import StoreError
from tests.unit.rl.support import bank_of
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    bank_of(*range(1000)).save(sys.argv[1], "bank")
except StoreError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    bank_of(1).save(tmp_path, "bank")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, timeout=60
    )
    assert "bank.npz cannot be written: File too large" in result.stdout, result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["bank.npz"]
    assert rewards(ExperienceBank.load(tmp_path / "bank")) == [1]


SAVING = """
import sys
from tests.unit.rl.support import bank_of
banks = [bank_of(*range(size)) for size in (50, 500)]
while True:
    for bank in banks:
        bank.save(sys.argv[1], "bank")
        print(len(bank), flush=True)
"""


def test_a_reader_never_sees_half_a_file_and_neither_does_a_kill_leave_one(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", SAVING, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        writer.stdout.readline()
        until, seen = time.monotonic() + 1, set()
        while time.monotonic() < until:
            seen.add(len(ExperienceBank.load(tmp_path / "bank")))
        assert seen == {50, 500}
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert len(ExperienceBank.load(tmp_path / "bank")) in {50, 500}


def test_what_a_killed_writer_left_is_no_bank_to_merge(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("os.fsync", lambda _: seen.extend(tmp_path.glob("experience_bank_*")))
    bank_of(1).save(tmp_path)
    assert len(seen) == 1, "only the whole file has this name, once it is in place"
