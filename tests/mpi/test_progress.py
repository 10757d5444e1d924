"""The engine thread looks all the time after an event, but not where programs need the cores."""

import os
import socket
import threading
import time

import pytest

from rose_mpi.mpi.progress import Progress


class Silence:
    """A channel on which nothing comes, however often one looks."""

    moving = False
    idle = True
    looks = 0

    def receive(self, looks):
        self.looks += 1
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


def looks_after_an_event(progress):
    """How often the thread looks for messages in 0.3 s, where programs need the cores."""
    progress.programs.append(lambda: True)
    progress.post(lambda: None)
    time.sleep(0.02)
    before = progress.channel.looks
    time.sleep(0.3)
    return progress.channel.looks - before


def test_it_looks_ever_more_rarely_for_what_comes_from_other_hosts(progress):
    assert 12 <= looks_after_an_event(progress) <= 40


def test_it_sleeps_where_everybody_wakes_it(progress):
    progress.woken = True
    assert looks_after_an_event(progress) <= 8


def test_it_looks_all_the_time_while_large_data_moves(progress):
    progress.woken = progress.channel.moving = True
    assert looks_after_an_event(progress) >= 60


def test_what_it_watches_wakes_it(progress):
    progress.woken = True
    theirs, ours = socket.socketpair()
    heard = threading.Event()
    with theirs, ours:

        def listen():
            ours.recv(1)
            heard.set()

        progress.post(lambda: progress.watch(ours.fileno(), listen))
        time.sleep(0.02)
        theirs.send(b"x")
        assert heard.wait(10)
        unwatched = threading.Event()
        progress.post(lambda: (progress.unwatch(ours.fileno()), unwatched.set()))
        assert unwatched.wait(10)
