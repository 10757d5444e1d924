"""Trackers are told in order, and a bad one harms nobody."""

import logging
import threading
import time

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.trackers import TrackerBase
from rose_mpi.trackers.notify import Trackers
from tests.unit.trackers.sample import MANIFEST, state


class Listener(TrackerBase):
    def __init__(self):
        self.heard = []

    def on_start(self, manifest):
        self.heard.append(("start", manifest))

    def on_iteration(self, state):
        self.heard.append(("iteration", state))

    def on_stop(self, final_state, reason):
        self.heard.append(("stop", final_state, reason))

    def on_state_update(self, key, value):
        self.heard.append(("update", key, value))


class Faulty(Listener):
    def on_iteration(self, state):
        super().on_iteration(state)
        raise RuntimeError("the server is away")


def added(*trackers):
    told = Trackers()
    for tracker in trackers:
        told.add(tracker, MANIFEST)
    return told


def test_a_tracker_hears_all_in_order():
    listener = Listener()
    told = added(listener)
    now = state()
    told.state_update("loss", 0.5)
    told.iteration(now)
    told.stop(now, "criterion_met")
    assert listener.heard == [
        ("start", MANIFEST),
        ("update", "loss", 0.5),
        ("iteration", now),
        ("stop", now, "criterion_met"),
    ]


def test_a_tracker_needs_only_the_methods_it_wants():
    class Ends:
        reason = None

        def on_stop(self, final_state, reason):
            self.reason = reason

    ends = Ends()
    told = added(ends, TrackerBase())
    told.state_update("loss", 0.5)
    told.iteration(state())
    told.stop(None, "error")
    assert ends.reason == "error"


def test_a_tracker_that_raises_is_told_once_and_left_alone(caplog):
    faulty, sound = Faulty(), Listener()
    told = added(faulty, sound)
    with caplog.at_level(logging.WARNING):
        told.iteration(state(0))
        told.iteration(state(1))
        told.stop(state(1), "max_iter_reached")
    assert [heard[0] for heard in faulty.heard] == ["start", "iteration"]
    assert [heard[0] for heard in sound.heard] == ["start", "iteration", "iteration", "stop"]
    (record,) = caplog.records
    assert record.getMessage() == "Faulty failed in on_iteration and is not called again; the run goes on"
    assert "the server is away" in caplog.text and "Traceback" in caplog.text


def test_a_tracker_that_cannot_start_is_left_alone(caplog):
    class Unable(Listener):
        def on_start(self, manifest):
            raise OSError("no space left")

    unable = Unable()
    told = added(unable)
    told.iteration(state())
    assert unable.heard == []
    assert "no space left" in caplog.text


def test_an_interrupt_goes_through():
    class Interrupted(TrackerBase):
        def on_iteration(self, state):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        added(Interrupted()).iteration(state())


class Asynchronous:
    async def on_stop(self, final_state, reason): ...


@pytest.mark.parametrize(
    ("tracker", "message"),
    [
        (Listener, "not the class Listener"),
        (object(), "none of on_start, on_iteration"),
        (Asynchronous(), "Asynchronous.on_stop is async"),
    ],
)
def test_what_could_never_be_called_is_refused(tracker, message):
    with pytest.raises(UsageError, match=message):
        added(tracker)


def test_threads_take_turns():
    class Busy(TrackerBase):
        inside = worst = calls = 0

        def on_state_update(self, key, value):
            self.inside += 1
            self.worst = max(self.worst, self.inside)
            time.sleep(0.0005)
            self.inside -= 1
            self.calls += 1

    busy = Busy()
    told = added(busy)
    threads = [
        threading.Thread(target=lambda: [told.state_update("loss", i) for i in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (busy.worst, busy.calls) == (1, 80)


def test_a_tracker_may_register_state_itself():
    class Derived(Listener):
        def on_iteration(self, state):
            told.state_update("derived", 1)

    derived = Derived()
    told = added(derived)
    told.iteration(state())
    assert derived.heard[1:] == [("update", "derived", 1)]
