"""The engine thread of a rank: delivers messages, runs what other threads post, sleeps when idle."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import Message

SPIN_SECONDS: Final = 5e-4
"""After the last event the thread yields instead of sleeping for so long: some round trips of short tasks."""

SLEEP_SHARE: Final = 0.05
"""Each sleep lasts this part of the time since the last event."""

SLEEP_SHARE_BESIDE_PROGRAMS: Final = 1.0
"""The same while programs need the cores."""

SLEEP_SHARE_AMONG_NEIGHBOURS: Final = 10.0
"""The same where all ranks are on one host: who sends something wakes this one, MPI may be late with it."""

LONGEST_SLEEP: Final = 0.01
"""Longest time between two looks for messages, in seconds; it bounds the delivery time from another host."""

LONGEST_SLEEP_AMONG_NEIGHBOURS: Final = 0.05
"""The same where all ranks are on one host and wake each other."""

SENDING_SLEEP: Final = 0.001
"""Longest time between two looks while MPI moves a message, which it does only when both sides look."""

LOOKS_AFTER_SLEEP: Final = 4
"""So often the thread looks for messages before it sleeps again; one look may not be enough to find one."""

SELECT_LIMIT: Final = 1024
"""select() takes smaller descriptors only."""


class Progress:
    """Runs everything that happens on a rank outside the user's code, in one thread.

    MPI cannot wake a sleeping thread, so the thread looks for messages ever less often the longer none
    came; what other threads post and what the watched file brings wakes it at once.

    Attributes
    ----------
    woken:
        Whether whoever sends something to this rank wakes it.
    programs:
        Each tells whether programs run: they need the cores, which looking all the time after an event takes.
    flush:
        Called when all that has come was handled.
    """

    def __init__(self, channel: Channel, alone: bool) -> None:
        self.channel = channel
        self.handle: Callable[[int, Message], None] = lambda rank, message: None
        self.woken = False
        self.programs: list[Callable[[], bool]] = []
        self.flush: Callable[[], None] = lambda: None
        self._alone = alone
        self._posted: deque[Callable[[], None]] = deque()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._watched: dict[int, Callable[[], object]] = {}
        self._epoll = select.epoll()
        self.watch(self._wake_read.fileno(), lambda: self._wake_read.recv(4096))
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._sleeps = False
        self._looks = 1
        self._stopping = False
        self._thread: int | None = None

    def post(self, action: Callable[[], None]) -> None:
        """Have ``action`` run in the engine thread; from any thread."""
        self._posted.append(action)
        if self._sleeps and threading.get_ident() != self._thread:
            self._wake()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` after so many seconds; in the engine thread."""
        heapq.heappush(self._timers, (time.perf_counter() + seconds, next(self._numbers), action))

    def watch(self, descriptor: int, action: Callable[[], object]) -> None:
        """Run ``action`` whenever ``descriptor`` can be read."""
        self._watched[descriptor] = action
        self._epoll.register(descriptor, select.EPOLLIN)

    def unwatch(self, descriptor: int) -> None:
        """Watch ``descriptor`` no more."""
        del self._watched[descriptor]
        self._epoll.unregister(descriptor)

    def stop(self) -> None:
        """End :meth:`run` once all ranks have stopped and nothing is under way between them.

        In the engine thread; messages that still come are not handled.
        """
        self.handle = lambda rank, message: None
        self._stopping = True

    def run(self) -> None:
        """Serve until stopped."""
        self._thread = threading.get_ident()
        last_event = time.perf_counter()
        while not (self._stopping and self.channel.left()):
            if self._step() or self._pause(time.perf_counter() - last_event):
                last_event = time.perf_counter()
        self._epoll.close()
        self._wake_read.close()
        self._wake_write.close()

    def _step(self) -> bool:
        busy = bool(self._posted)
        for _ in range(len(self._posted)):
            self._posted.popleft()()
        while self._timers and self._timers[0][0] <= time.perf_counter():
            heapq.heappop(self._timers)[2]()
        for rank, message in self.channel.receive(self._looks):
            busy = True
            self.handle(rank, message)
        self.flush()
        self.channel.flush()
        return busy

    def _pause(self, idle: float) -> bool:
        """Wait for something to happen, and take note of it; whether anything has."""
        patience = self._patience(idle)
        self._sleeps = patience != 0.0
        self._looks = LOOKS_AFTER_SLEEP if self._sleeps else 1
        readable = self._await(0.0 if self._posted else patience)
        self._sleeps = False
        for descriptor, _ in readable:
            self._watched[descriptor]()
        return bool(readable)

    def _patience(self, idle: float) -> float | None:
        due = max(0.0, self._timers[0][0] - time.perf_counter()) if self._timers else None
        if self._alone and self.channel.idle and not self._stopping:
            return due
        spins = not any(run() for run in self.programs)
        if idle < SPIN_SECONDS and spins:
            os.sched_yield()
            return 0.0
        share, longest = self._rhythm(spins)
        sleep = min(max(idle, SPIN_SECONDS) * share, longest)
        return sleep if due is None else min(sleep, due)

    def _rhythm(self, spins: bool) -> tuple[float, float]:
        """Which part of the time since the last event a sleep lasts, and how long at most."""
        moving = self.channel.moving or self._stopping
        if self.woken and not moving:
            return SLEEP_SHARE_AMONG_NEIGHBOURS, LONGEST_SLEEP_AMONG_NEIGHBOURS
        share = SLEEP_SHARE if spins else SLEEP_SHARE_BESIDE_PROGRAMS
        return share, SENDING_SLEEP if moving else LONGEST_SLEEP

    def _await(self, timeout: float | None) -> list[tuple[int, int]]:
        """What can be read within ``timeout``: epoll counts in milliseconds, select in microseconds."""
        if timeout and self._epoll.fileno() < SELECT_LIMIT:
            if not select.select([self._epoll], [], [], timeout)[0]:
                return []
            timeout = 0.0
        return self._epoll.poll(timeout)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full of wake-ups that nobody has read yet, or closed at the end
            self._wake_write.send(b"\0")
