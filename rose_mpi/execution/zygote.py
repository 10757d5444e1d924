"""The preloaded Python: it has imported what tasks import, and forks a process for each of them.

It is started by exec, so that it is no copy of a rank, in the environment that tasks have in common. It
has one thread, a channel to the helper process, and nothing else that tasks could inherit.

On its channel it takes ``("fork",)``, with the descriptor of another channel on which the new process is to
be told what to run, and says ``("left out", module, reason)``, ``("ready", variables that were read)``,
``("unfit", reason)`` and ``("ended", pid, status, cpu_seconds, max_rss)``. A new process says ``(pid,)``, and
takes ``(argv, position, changes of the environment, cwd)`` with the descriptors of its standard output and
standard error.
"""

from __future__ import annotations

import gc
import marshal
import os
import resource  # noqa: F401  (os.wait4 imports it, and nothing may be loaded after the first fork)
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from rose_mpi.execution.own_process import Label, libraries_loaded
from rose_mpi.execution.packets import receive, send
from rose_mpi.execution.processes import wakeup_of_exits
from rose_mpi.execution.script import Preloaded, rehearse, run_script

_LEFT_TO_THE_HELPER = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run as ``… <descriptor of the channel> <module> …``, with this package's folder last on the path."""
    descriptor, *modules = sys.argv[1:]
    label = Label()
    _leave_no_trace()
    zygote = Zygote(socket.socket(fileno=int(descriptor)), label)
    if preloaded := zygote.preload(modules):
        zygote.serve(preloaded)


class Zygote:
    """Imports modules, forks, and tells how the forks end."""

    def __init__(self, channel: socket.socket, label: Label) -> None:
        channel.set_inheritable(False)
        self._channel = channel
        self._label = label
        self._handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _LEFT_TO_THE_HELPER}

    def preload(self, modules: list[str]) -> Preloaded | None:
        """Import modules; ``None`` if this process cannot be forked then."""
        environment = dict(os.environb)
        gc.disable()
        plain = type(os.environ)
        os.environ.__class__ = _Watched
        for module in modules:
            try:
                import_module(module)
            except BaseException as error:  # SystemExit too
                self._say("left out", module, f"{type(error).__name__}: {error}")
        _reseed()  # imports something the first time
        os.environ.__class__ = plain
        sys.stdout.flush()
        if threads := _other_threads():
            self._say("unfit", f"the imported modules run {threads} threads, which a fork would lose")
            return None
        gc.collect()
        gc.freeze()
        self._say("ready", *_Watched.read)
        return Preloaded(
            self._label, environment, frozenset(sys.modules), libraries_loaded(), _loaded_from_files()
        )

    def serve(self, preloaded: Preloaded) -> None:
        """Fork on demand until the channel is closed."""
        wakeup = wakeup_of_exits()
        poller = select.poll()
        poller.register(wakeup, select.POLLIN)
        poller.register(self._channel, select.POLLIN)
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == wakeup:
                    os.read(wakeup, 4096)
                    self._reap()
                elif not self._fork(preloaded, wakeup):
                    return

    def _fork(self, preloaded: Preloaded, wakeup: int) -> bool:
        message, descriptors = receive(self._channel)
        if message is None:
            return False
        with socket.socket(fileno=descriptors[0]) as channel:
            if os.fork() == 0:
                os.close(wakeup)
                self._become_task(channel, preloaded)
        return True

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._say("ended", pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

    def _become_task(self, channel: socket.socket, preloaded: Preloaded) -> NoReturn:
        os.close(signal.set_wakeup_fd(-1))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._channel.close()
        _reseed()
        gc.enable()
        rehearse(preloaded)
        send(channel, marshal.dumps((os.getpid(),)))
        order, descriptors = receive(channel)
        if order is None:
            os._exit(0)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, handler)
        os.setsid()
        for descriptor, stream in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        channel.close()
        run_script(preloaded, *order)

    def _say(self, *message: Any) -> None:
        send(self._channel, marshal.dumps(message))


class _Watched(type(os.environ)):  # type: ignore[misc]
    """``os.environ`` that remembers which variables were asked for."""

    read: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        value: str = super().__getitem__(name)
        return value


def _leave_no_trace() -> None:
    """Make this process what it would be without the lines that started it."""
    del sys.path[-1]
    if not sys.flags.safe_path:
        del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "rose_mpi"]:
        del sys.modules[name]


def _loaded_from_files() -> frozenset[str]:
    """Top-level modules that a file of the same name in a script's folder would take precedence over."""
    return frozenset(
        name
        for name, module in sys.modules.items()
        if "." not in name and name != "__main__" and _origin(module) not in ("built-in", "frozen")
    )


def _reseed() -> None:
    """Give NumPy's global generator a new state; Python's own gets one by itself in a fork."""
    if random := sys.modules.get("numpy.random"):
        random.seed()


def _other_threads() -> int:
    return sum(1 for _ in os.scandir("/proc/self/task")) - 1


def _origin(module: object) -> object:
    return getattr(getattr(module, "__spec__", None), "origin", None)
