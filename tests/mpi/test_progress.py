"""The engine thread looks all the time after an event, but not where programs need the cores."""

import os
import threading
import time

import pytest

from rose_mpi.mpi.progress import Progress


class Silence:
    """A channel on which nothing comes."""

    moving = False
    idle = True

    def receive(self):
        return iter(())

    def flush(self):
        pass

    def left(self):
        return True


@pytest.fixture
def looks(monkeypatch):
    """How often the thread gave up its turn instead of sleeping."""
    looks = []
    monkeypatch.setattr(os, "sched_yield", lambda: looks.append(None))
    return looks


@pytest.fixture
def progress():
    progress = Progress(Silence(), alone=False)
    thread = threading.Thread(target=progress.run)
    thread.start()
    yield progress
    progress.post(progress.stop)
    thread.join(10)
    assert not thread.is_alive()


def test_it_looks_all_the_time_after_an_event(progress, looks):
    until = time.monotonic() + 20
    while not looks and time.monotonic() < until:
        progress.post(lambda: None)
        time.sleep(0.002)
    assert looks


def test_it_sleeps_where_programs_run(progress, looks):
    progress.programs += [lambda: False, lambda: True]
    time.sleep(0.05)
    looks.clear()
    for _ in range(20):
        progress.post(lambda: None)
        time.sleep(0.002)
    assert not looks
