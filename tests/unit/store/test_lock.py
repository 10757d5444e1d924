import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from rose_mpi.errors import LockedError, StoreError, UsageError
from rose_mpi.layout import Layout
from rose_mpi.store import lock as lock_module
from rose_mpi.store.holder import holder_in, this_process
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.lock import Lock
from rose_mpi.store.writer import ResultsWriter
from tests.unit.store.sample import STARTED, task

ROOT = Path(__file__).parents[3]


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "out" / "results.h5")


@pytest.fixture
def quick(monkeypatch):
    """Seconds become hundredths."""
    monkeypatch.setattr(lock_module, "BEAT", 0.05)
    monkeypatch.setattr(lock_module, "SILENCE", 0.5)
    monkeypatch.setattr(lock_module, "_LOOK", 0.02)


def files(layout):
    return sorted(path.name for path in layout.results.parent.iterdir())


def pretend(layout, **changes):
    """Leave a lock of somebody else."""
    layout.lock.parent.mkdir(exist_ok=True)
    layout.lock.write_text(msgspec.structs.replace(this_process("other"), token="x", **changes).text())


def test_the_second_run_is_told_who_writes(layout):
    lock = Lock(layout, "first")
    assert files(layout) == ["results.h5.lock"]
    with pytest.raises(
        LockedError,
        match=rf"results\.h5 is being written by run 'first' on .* \(process {os.getpid()}, since",
    ):
        Lock(layout, "second")
    assert files(layout) == ["results.h5.lock"]
    lock.release()
    assert files(layout) == []
    Lock(layout, "second").release()


def test_of_many_that_begin_at_once_one_gets_it(layout):
    got, refused = [], []
    start = threading.Barrier(16)

    def begin(number):
        start.wait()
        try:
            got.append(Lock(layout, str(number)))
        except LockedError as error:
            refused.append(error)

    for _ in range(10):
        threads = [threading.Thread(target=begin, args=[number]) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), len(refused)) == (1, 15)
        got.pop().release()
        refused.clear()


HOLD = """
import sys, time
from pathlib import Path
from rose_mpi.layout import Layout
from rose_mpi.store.lock import Lock
Lock(Layout(Path(sys.argv[1])), "killed")
print("held", flush=True)
time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_taken_over_at_once(layout):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, layout.results], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=f"'killed' on .*process {process.pid}"):
        Lock(layout, "next")
    process.kill()
    time.sleep(0.1)  # it is a zombie now
    Lock(layout, "next").release()
    process.wait()
    process.stdout.close()


def test_many_may_take_over_and_one_gets_it(layout):
    for _ in range(10):
        pretend(layout, begun=1)
        got, start = [], threading.Barrier(8)

        def begin(start=start, got=got):
            start.wait()
            with contextlib.suppress(LockedError):
                got.append(Lock(layout, "next"))

        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        assert holder_in(layout.lock).token == got[0]._own.token
        got[0].release()
        assert files(layout) == []


def test_one_that_died_while_it_took_over_is_in_nobodys_way(layout):
    pretend(layout, begun=1)
    layout.lock.rename(f"{layout.lock}.guard")
    pretend(layout, begun=2)
    Lock(layout, "next").release()
    assert files(layout) == []


def test_a_process_number_that_came_again_is_another_process(layout):
    pretend(layout, begun=1)
    Lock(layout, "next").release()


def test_silence_on_another_host_is_waited_for(layout, quick, caplog):
    pretend(layout, machine="another", host="far")
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        Lock(layout, "next").release()
    assert 0.4 < time.monotonic() - began < 5
    assert "is locked by run 'other' on far" in caplog.text
    assert "for a sign of life" in caplog.text


def test_silence_since_long_is_not_waited_for(layout, caplog):
    pretend(layout, machine="another")
    os.utime(layout.lock, (0, time.time() - lock_module.SILENCE - 1))
    Lock(layout, "next").release()
    assert caplog.text == ""


@dataclass
class Elsewhere:
    """A holder on another host that touches its lock."""

    layout: Layout
    alive: bool = True

    def live(self):
        while self.alive:
            time.sleep(0.05)
            os.utime(self.layout.lock)


def test_a_sign_of_life_from_another_host_refuses(layout, quick):
    pretend(layout, machine="another", host="far")
    holder = Elsewhere(layout)
    thread = threading.Thread(target=holder.live)
    thread.start()
    with pytest.raises(LockedError, match="'other' on far"):
        Lock(layout, "next")
    holder.alive = False
    thread.join()
    assert holder_in(layout.lock).run == "other"


def test_a_lock_that_cannot_be_read_is_that_of_somebody(layout, quick):
    layout.lock.parent.mkdir()
    layout.lock.write_text("?")
    began = time.monotonic()
    Lock(layout, "next").release()
    assert time.monotonic() - began > 0.4


def test_the_holder_touches_its_lock(layout, quick):
    lock = Lock(layout, "first")
    before = holder_in(layout.lock).touched
    lock.beat()
    assert holder_in(layout.lock).touched == before
    time.sleep(0.06)
    lock.beat()
    assert holder_in(layout.lock).touched > before
    lock.release()


def test_a_holder_who_lost_its_lock_writes_no_more(layout, quick):
    lock = Lock(layout, "first")
    layout.lock.unlink()
    pretend(layout)
    time.sleep(0.06)
    with pytest.raises(StoreError, match=r"results\.h5\.lock was taken by another run"):
        lock.beat()
    lock.release()
    assert holder_in(layout.lock).run == "other"


def test_a_lock_that_was_removed_by_hand_comes_back(layout, quick):
    lock = Lock(layout, "first")
    layout.lock.unlink()
    time.sleep(0.06)
    lock.beat()
    assert holder_in(layout.lock).run == "first"
    lock.release()
    assert files(layout) == []


def test_a_file_system_without_hard_links_will_do(layout, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lock = Lock(layout, "first")
    with pytest.raises(LockedError):
        Lock(layout, "second")
    lock.release()
    assert files(layout) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"results\.h5\.lock cannot be made: .*: name another output"):
        Lock(Layout(tmp_path / "file" / "results.h5"), "run")


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(UsageError, match=r"/proc/results\.h5\.lock cannot be made: .*: name another output"):
        Lock(Layout(Path("/proc/results.h5")), "run")


def test_the_writers_thread_beats_and_ends_when_the_lock_is_lost(layout, quick, monkeypatch):
    monkeypatch.setattr("rose_mpi.store.service.BEAT", 0.05)
    lock, failures = Lock(layout, "first"), []
    writer = ResultsWriter(layout, failures.append, lock.beat)
    writer(STARTED)
    first = holder_in(layout.lock).touched
    end = time.monotonic() + 20
    while holder_in(layout.lock).touched == first and time.monotonic() < end:
        time.sleep(0.01)
    assert holder_in(layout.lock).touched > first
    layout.lock.unlink()
    pretend(layout)
    while not failures and time.monotonic() < end:
        time.sleep(0.01)
    writer(task())
    with pytest.raises(StoreError, match="was taken by another run"):
        writer.close()
    assert failures == [writer.failure]


def test_a_lock_that_is_lost_while_the_file_is_written_ends_the_writing(layout, monkeypatch):
    folds, fold = [], Keeper.fold

    def watched(keeper, pump):
        folds.append(keeper)
        fold(keeper, pump)
        folds.pop()

    def beat():
        if folds:
            raise StoreError("the lock was taken")

    monkeypatch.setattr(Keeper, "fold", watched)
    writer = ResultsWriter(layout, lambda error: None, beat)
    writer(STARTED)
    writer(task())
    with pytest.raises(StoreError, match="the lock was taken"):
        writer.close()
