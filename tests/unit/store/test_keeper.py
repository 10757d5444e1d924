import contextlib
import itertools
import os

import pytest

from rose_mpi.layout import Layout
from rose_mpi.store import keeper as keeper_module
from rose_mpi.store.budget import FoldBudget
from rose_mpi.store.keeper import Keeper
from rose_mpi.store.log import read_log
from rose_mpi.store.reader import read_results
from rose_mpi.store.records import record_of
from tests.unit.store.sample import STARTED, campaign, contents, folded, task

EVENTS = list(campaign())


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "results.h5")


@pytest.fixture
def keeper(layout):
    keeper = Keeper(layout, STARTED)
    keeper.fold(lambda: None)
    return keeper


def add(keeper, *events):
    for event in events:
        keeper.add(record_of(event))
    keeper.write()


def test_file_and_log_are_there_from_the_first_record_on(layout, keeper):
    assert contents(read_results(layout.results)) == contents(folded(STARTED))
    assert read_log(layout.log).header.generation == 1


def test_a_record_outlives_the_process_when_it_is_written(layout, keeper):
    for count, event in enumerate(EVENTS[1:], 2):
        add(keeper, event)
        assert keeper.written == count
        assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:count]))


def test_records_that_arrive_during_a_fold_are_written_at_once_and_kept(layout, keeper):
    add(keeper, *EVENTS[1:])
    arrived = []

    def pump():
        arrived.append(task(100 + len(arrived)))
        add(keeper, arrived[-1])
        assert keeper.written == keeper.count
        assert contents(read_results(layout.results)) == contents(folded(*EVENTS, *arrived))

    keeper.fold(pump)
    assert len(arrived) > 5
    assert keeper.generation == len(EVENTS)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS, *arrived))
    keeper.fold(lambda: None)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS, *arrived))


@pytest.mark.parametrize("broken", ["create", "fsync", "replace"])
@pytest.mark.parametrize("number", range(6))
def test_a_fold_that_the_disk_refuses_at_any_step_loses_nothing(layout, keeper, monkeypatch, broken, number):
    add(keeper, *EVENTS[1:5])
    arrived = []

    def pump():
        arrived.append(task(100 + len(arrived)))
        add(keeper, arrived[-1])

    owner, name = {
        "create": (os, "open"),
        "fsync": (os, "fsync"),
        "replace": (keeper_module.Layout, "draft"),
    }[broken]
    works, calls = getattr(owner, name), itertools.count()

    def refuse(*arguments, **options):
        if next(calls) >= number:
            raise OSError(28, "No space left on device")
        return works(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, refuse)
        with contextlib.suppress(OSError):
            keeper.fold(pump)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:5], *arrived))
    assert not list(layout.results.parent.glob("*.new"))
    add(keeper, task(200))
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:5], *arrived, task(200)))
    keeper.fold(lambda: None)
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:5], *arrived, task(200)))


def test_the_log_goes_when_the_file_holds_all(layout, keeper):
    add(keeper, *EVENTS[1:])
    keeper.fold(lambda: None)
    keeper.end()
    assert [path.name for path in layout.results.parent.iterdir()] == ["results.h5"]
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS))


def test_a_partial_write_is_taken_up_where_it_stopped(layout, keeper, monkeypatch):
    works, left = os.write, [100]

    def write_a_little(descriptor, data):
        if not left[0]:
            raise OSError(28, "No space left on device")
        done = works(descriptor, bytes(data[: min(7, left[0])]))
        left[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_a_little)
        with pytest.raises(OSError):
            add(keeper, *EVENTS[1:6])
        assert keeper.written == 1
    add(keeper, EVENTS[6])
    assert contents(read_results(layout.results)) == contents(folded(*EVENTS[:7]))


def test_the_next_fold_waits_until_all_folds_cost_two_percent():
    budget = FoldBudget()
    assert budget.due(growth=1.0) == 0.0
    budget.charge(0.1)
    budget.charge(0.2)
    assert budget.due(growth=3.0) == pytest.approx((0.1 + 0.2 + 3 * 0.2) / 0.02)
