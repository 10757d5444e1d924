"""What handing out over processes and threads costs without any work: relays in Python that pass one byte on.

    python benchmarks/relays.py

A program that is asked for through two processes, as rank 0 does through a leader and its helper process; and
a byte that goes from thread to thread, to another process, there from thread to thread and back, as the
call of a function and its result do. Once where the system puts them, and once all on one core, where nobody
has to wake another core; `dispatch.py` shows ours.
"""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from floors import python_seconds

TASKS, ROUNDS = 300, 5
Ask = Callable[[], object]
DIRECT = "spawn and wait in Python"
THROUGH = "the same, asked for through two processes"
BYTE = "a byte through four threads of two processes"


def process(serve: Callable[[socket.socket], None]) -> socket.socket:
    """A process that serves one end of a connection; returns the other end."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        serve(theirs)
        os._exit(0)
    theirs.close()
    return ours


def answer(upper: socket.socket, ask: Ask) -> None:
    """Ask for each byte that comes, and answer then."""
    while byte := upper.recv(1):
        ask()
        upper.sendall(byte)


def start_programs(upper: socket.socket) -> None:
    """Start a program for each byte, and answer at its end."""
    answer(upper, partial(python_seconds, 1, 1))


def pass_on(upper: socket.socket) -> None:
    """Hand each byte to a process that starts programs."""
    answer(upper, partial(over, process(start_programs)))


def answer_calls(upper: socket.socket) -> None:
    """Have another thread answer each byte."""
    answer(upper, by_another_thread(lambda: b"x"))


def by_another_thread(ask: Ask) -> Ask:
    """Have a thread ask, and wait for it."""
    calls: SimpleQueue[None] = SimpleQueue()
    answers: SimpleQueue[object] = SimpleQueue()

    def serve() -> None:
        while True:
            calls.get()
            answers.put(ask())

    threading.Thread(target=serve, daemon=True).start()

    def hand_over() -> object:
        calls.put(None)
        return answers.get()

    return hand_over


def over(connection: socket.socket) -> object:
    """One round trip."""
    connection.sendall(b"x")
    return connection.recv(1)


def median_seconds(ask: Ask) -> float:
    """Of so many round trips."""
    times = []
    for _ in range(TASKS):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def medians() -> dict[str, list[float]]:
    """Measure by turns, on the cores that this process may use."""
    asks: dict[str, Ask] = {
        DIRECT: partial(python_seconds, 1, 1),
        THROUGH: partial(over, process(pass_on)),
        BYTE: by_another_thread(partial(over, process(answer_calls))),
    }
    seconds: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            seconds[name].append(median_seconds(ask))
    return seconds


def main() -> None:
    """Measure on all cores, and on one."""
    found = {"all cores": medians()}
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found["one core"] = medians()

    from jobs import show  # it starts MPI, which must not be there when processes are forked

    for cores, seconds in found.items():
        show(f"bare relays, {cores}", seconds, "s")


main()
