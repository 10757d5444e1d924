import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store import patience
from rose_mpi.store.contents import read_file
from rose_mpi.store.image import image
from rose_mpi.store.log import LogWriter
from rose_mpi.store.reader import read_results
from rose_mpi.store.writer import ResultsWriter
from tests.unit.store.sample import STARTED, campaign, contents, folded, iteration, task

EVENTS = list(campaign())
ROOT = Path(__file__).parents[3]


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "out" / "results.h5")


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_run_leaves_one_file_with_everything(layout):
    writer = ResultsWriter(layout)
    for event in EVENTS:
        writer(event)
    writer.close()
    assert [path.name for path in layout.results.parent.iterdir()] == ["results.h5"]
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS))
    writer.close()


def test_a_run_can_be_read_while_it_goes_on(layout):
    writer = ResultsWriter(layout)
    for count, event in enumerate(EVENTS, 1):
        writer(event)
        wait_for(lambda count=count: writer.written == count)
        assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:count]))
    writer.close()


def test_the_log_is_folded_during_the_run(layout, monkeypatch):
    monkeypatch.setattr("rose_mpi.store.budget.SHARE", 0.9)
    writer = ResultsWriter(layout)
    for event in EVENTS:
        writer(event)
    wait_for(lambda: not missing_in_file(layout))
    assert layout.log.exists()
    writer.close()


def missing_in_file(layout):
    """Records that are in the log and not in the file."""
    return len(EVENTS) - read_file(layout.results).generation if layout.results.exists() else len(EVENTS)


def test_events_come_from_many_threads(layout):
    writer = ResultsWriter(layout)
    for event in EVENTS[:3]:
        writer(event)
    threads = [
        threading.Thread(target=lambda k=k: [writer(task(k * 1000 + n)) for n in range(1000)])
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert sorted(read_results(layout.results).tasks.columns["index"]) == list(range(4000))


def test_a_value_that_changes_later_is_kept_as_it_was(layout):
    value = {"a": [1]}
    writer = ResultsWriter(layout)
    writer(STARTED)
    writer(task(0, value))
    value["a"].append(2)
    writer.close()
    assert read_results(layout.results).tasks[0].result == '{"a": [1]}'


def test_nobody_waits_for_the_disk(layout, monkeypatch):
    disk = threading.Event()
    works = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: disk.wait() and works(descriptor))
    writer = ResultsWriter(layout)
    for event in EVENTS:
        writer(event)
    assert writer.written == 0
    disk.set()
    writer.close()
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS))


def test_many_records_share_an_fsync_and_an_iteration_has_its_own(layout, monkeypatch):
    syncs = []
    works = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: syncs.append(writer.written) or works(descriptor))
    writer = ResultsWriter(layout)
    for event in EVENTS[:3]:
        writer(event)
    for number in range(5000):
        writer(task(number))
    wait_for(lambda: syncs and syncs[-1] == 5003)
    assert len(syncs) < 500
    monkeypatch.setattr("rose_mpi.store.service.SYNC_INTERVAL", 1000.0)
    writer(task(5000))
    wait_for(lambda: writer.written == 5004)
    writer(iteration(0))
    wait_for(lambda: syncs[-1] == 5005)
    writer.close()


@pytest.mark.parametrize("existing", ["results", "log"])
def test_nothing_is_written_over(layout, existing):
    layout.results.parent.mkdir()
    getattr(layout, existing).write_text("precious")
    with pytest.raises(StoreError, match="exists already: move it away"):
        ResultsWriter(layout)
    assert getattr(layout, existing).read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file cannot be made: .*: name another output"):
        ResultsWriter(Layout(tmp_path / "file" / "results.h5"))


def test_a_run_that_never_began_leaves_nothing(layout):
    ResultsWriter(layout).close()
    assert list(layout.results.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("events", "error"),
    [([task()], RuntimeError), ([STARTED, iteration(0, "nobody")], KeyError)],
)
def test_an_error_of_the_program_comes_out(layout, events, error):
    failures = []
    writer = ResultsWriter(layout, failures.append)
    for event in events:
        writer(event)
    wait_for(lambda: failures)
    writer(task())
    with pytest.raises(error):
        writer.close()
    assert failures == [writer.failure]


def test_a_disk_that_recovers_costs_one_warning(layout, monkeypatch, caplog):
    refused = []
    works = os.fdatasync

    def refuse_thrice(descriptor):
        if len(refused) < 3:
            refused.append(descriptor)
            raise OSError(5, "Input/output error")
        works(descriptor)

    monkeypatch.setattr(os, "fdatasync", refuse_thrice)
    monkeypatch.setattr("rose_mpi.store.budget.SHARE", 1e-9)
    writer = ResultsWriter(layout)
    with caplog.at_level(logging.WARNING):
        for event in EVENTS[:-1]:
            writer(event)
        # After an fsync that failed the log is not trusted: the file takes in everything.
        wait_for(lambda: missing_in_file(layout) <= 1)
        writer(EVENTS[-1])
        writer.close()
    assert [record.message for record in caplog.records] == [
        f"{layout.results} cannot be written now: Input/output error; trying again"
    ]
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS))


def test_a_log_that_is_refused_during_a_fold_does_not_end_the_fold(layout, monkeypatch):
    refusing = threading.Event()
    write, arrivals = LogWriter.write, [task(1), task(2)]

    def refuse(log):
        if refusing.is_set():
            raise OSError(28, "No space left on device")
        write(log)

    def build(run, generation, pump):
        refusing.set()
        if arrivals:
            writer(arrivals.pop())
        data = image(run, generation, pump)
        refusing.clear()
        return data

    writer = ResultsWriter(layout)
    writer(STARTED)
    wait_for(lambda: writer.written == 1)
    monkeypatch.setattr(LogWriter, "write", refuse)
    monkeypatch.setattr("rose_mpi.store.keeper.image", build)
    monkeypatch.setattr("rose_mpi.store.budget.SHARE", 1e9)
    writer(task(0))
    wait_for(lambda: writer.written == 4 or writer.failure)
    writer.close()
    assert list(read_results(layout.results).tasks.columns["index"]) == [0, 2, 1]


def test_a_disk_that_refuses_for_long_ends_in_a_clear_error(layout, monkeypatch):
    monkeypatch.setattr(patience, "LIMIT", 0.2)
    failures = []
    writer = ResultsWriter(layout, failures.append)
    for event in EVENTS[:5]:
        writer(event)
    wait_for(lambda: writer.written == 5)

    def refuse(path, flags, mode=0o777):
        raise OSError(122, "Disk quota exceeded")

    with monkeypatch.context() as patch:
        patch.setattr("rose_mpi.store.files.os.open", refuse)
        with pytest.raises(
            StoreError, match=r"results\.h5 cannot be written: Disk quota exceeded.*free some"
        ):
            writer.close()
    assert failures == [writer.failure]
    assert layout.log.exists()
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:5]))


FULL_DISK = """
import logging, resource, sys, time
from pathlib import Path
from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store import patience
from rose_mpi.store.writer import ResultsWriter
from tests.unit.store.sample import STARTED, task

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

logging.basicConfig(format="%(message)s")
patience.LIMIT = 0.5
limit(200_000)
failures = []
writer = ResultsWriter(Layout(Path(sys.argv[1])), failures.append)
writer(STARTED)
for number in range(10_000):
    writer(task(number))
if sys.argv[2] == "recovers":
    time.sleep(0.2)
    limit(resource.RLIM_INFINITY)
try:
    writer.close()
except StoreError as error:
    assert failures == [error]
    print(error)
"""


def run_on_full_disk(layout, what):
    return subprocess.run(
        [sys.executable, "-c", FULL_DISK, layout.results, what],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_disk_that_stays_full_keeps_file_and_log_whole(layout):
    ended = run_on_full_disk(layout, "stays full")
    assert f"{layout.results} cannot be written: File too large. Remedy: raise the limit" in ended.stdout
    assert ended.stderr.count("\n") == 1
    assert sorted(path.name for path in layout.results.parent.iterdir()) == ["results.h5", "results.h5.log"]
    kept = read_results(layout.results).tasks
    assert len(kept) > 500
    assert list(kept.columns["index"]) == list(range(len(kept)))


def test_a_full_disk_that_gets_room_loses_nothing(layout):
    ended = run_on_full_disk(layout, "recovers")
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert [path.name for path in layout.results.parent.iterdir()] == ["results.h5"]
    assert list(read_results(layout.results).tasks.columns["index"]) == list(range(10_000))
