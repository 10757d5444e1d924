import errno
from pathlib import Path

import pytest

from rose_mpi.store.files import read_whole, replace_file


def test_a_long_write_lets_more_urgent_ones_go_first(tmp_path):
    target, draft = tmp_path / "file", tmp_path / "file.new"
    target.write_text("old")
    data = bytes(range(256)) * 40_000
    seen = []
    replace_file(target, draft, memoryview(data), lambda: seen.append(target.read_text()))
    assert seen == ["old"] * 3
    assert target.read_bytes() == data
    assert not draft.exists()


def test_a_file_that_was_replaced_on_a_network_file_system_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("new")
    works, stale = Path.read_bytes, [1, 2]

    def read_bytes(self):
        if stale.pop() if stale else False:
            raise OSError(errno.ESTALE, "Stale file handle")
        return works(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert read_whole(path) == b"new"


def test_another_error_is_not_repeated(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "file")
