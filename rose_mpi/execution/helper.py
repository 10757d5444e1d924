"""The helper process: it starts, watches and ends all tasks of one rank, and outlives none of them.

It is started by exec, knows nothing of MPI, and imports the standard library only. As subreaper it
is the parent of whatever its tasks leave behind. When its rank closes the channel between them, or
dies, it kills every process below it and leaves.

Messages it takes: ``("start", token, argv, environment, cwd, stdout, stderr, timeout, waits)``,
``("kill", token)`` and, once, ``("preload", modules, environment)``; what it sends:
``("exited", …)`` with the fields of :class:`rose_mpi.execution.spawned.Exited`, ``("returned", token)``,
``("told", warning, whether every rank gives it)`` and ``("crashed", traceback)``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress

from rose_mpi.execution import processes
from rose_mpi.execution.capture import Capture
from rose_mpi.execution.channel import Channel
from rose_mpi.execution.listening import Listener
from rose_mpi.execution.memory import OutOfMemory
from rose_mpi.execution.pipes import Pipes
from rose_mpi.execution.running import RunningTask, not_started
from rose_mpi.execution.starting import enter, explain, spawn
from rose_mpi.execution.trees import Trees
from rose_mpi.execution.waiting import TELL_SECONDS, Waiting

TYPE_CHECKING = False  # typing would take as long to import as all the rest
if TYPE_CHECKING:
    from rose_mpi.execution.warm import WarmPython

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
LONGEST_LINE = 1 << 20
"""Bytes of the last line of standard output that are kept."""
_STDERR_KEPT = 4096
_WARM_OUTPUT_KEPT = 4096
_TICK = 0.05
_LONGEST_WAIT = 86400.0
_GIVE_UP = GRACE + 10.0


class Helper:
    """The loop.

    Parameters
    ----------
    channel:
        To the rank.
    rank_pid:
        The rank's process. Its death counts as much as a closed channel, which a process forked by
        the rank may hold open.
    slots:
        So many processes run before one begins that may wait.
    """

    def __init__(self, channel: Channel, rank_pid: int, slots: int) -> None:
        self._channel = channel
        self._slots = slots
        self._waiting = Waiting()
        self._told = time.monotonic()
        self._rank_alive = True
        self._flushed = True
        self._environment = dict(os.environ)
        self._ignored = [s for s in signal.valid_signals() if signal.getsignal(s) is signal.SIG_IGN]
        self._trees = Trees()
        self._limited: dict[str, RunningTask] = {}
        self._warm: WarmPython | None = None
        self._memory = OutOfMemory()
        self._listener = Listener()
        self._pipes = Pipes(self._listener)
        self._wakeup = processes.wakeup_of_exits()
        self._listener.listen(channel.descriptor, self._receive)
        self._listener.listen(self._wakeup, self._reap)
        self._watch_rank(rank_pid)

    def serve(self) -> None:
        """Work until the rank closes the channel or dies."""
        while self._rank_alive and self._channel.open:
            self._begin_waiting()
            if not (self._waiting and self._flushed) or time.monotonic() >= self._told + TELL_SECONDS:
                self._flush()
            self._listener.wait(self._patience())
            self._enforce_limits()

    def _flush(self) -> None:
        self._told = time.monotonic()
        flushed = self._channel.flush()
        if flushed != self._flushed:
            self._listener.wake_for_writing(self._channel.descriptor, not flushed)
            self._flushed = flushed

    def _watch_rank(self, pid: int) -> None:
        with suppress(OSError):  # the rank is gone, or the kernel is older than 5.3
            self._listener.listen(os.pidfd_open(pid), self._rank_died)
        if os.getppid() != pid:
            self._rank_died()

    def _rank_died(self) -> None:
        self._rank_alive = False

    def _patience(self) -> float | None:
        running = [task for task in self._limited.values() if task.ending_since is None]
        deadlines = [task.deadline for task in running if task.deadline is not None]
        if len(running) < len(self._limited):
            deadlines.append(time.monotonic() + _TICK)
        if self._waiting:
            deadlines.append(self._waiting.deadline)
            if self._channel.has_news:
                deadlines.append(self._told + TELL_SECONDS)
        if not deadlines:
            return None
        return min(_LONGEST_WAIT, max(0.0, min(deadlines) - time.monotonic()))

    def _any_ending(self) -> bool:
        return any(task.ending_since is not None for task in self._limited.values())

    # messages of the rank

    def _receive(self) -> None:
        for kind, *fields in self._channel.receive():
            if kind == "start":
                self._take(*fields)  # type: ignore[arg-type]
            elif kind == "preload":
                self._preload(*fields)  # type: ignore[arg-type]
            elif self._waiting.remove(str(fields[0])):
                self._channel.send(not_started(str(fields[0]), "cancelled before it began", killed=True))
            elif (task := self._trees.tasks.get(str(fields[0]))) and task.ending_since is None:
                task.killed = True
                self._end(task)

    def _take(self, token: str, *order: object) -> None:
        *description, waits = order
        if waits:
            self._waiting.add(token, (token, *description))
        else:
            self._start(token, *description)  # type: ignore[arg-type]

    def _begin_waiting(self) -> None:
        """Start what waits as far as there is room, and give it back if none could be for long."""
        while self._waiting and len(self._trees.tasks) < self._slots:
            self._start(*self._waiting.next())  # type: ignore[arg-type]
        for token in self._waiting.late():
            self._channel.send(("returned", token))

    def _start(
        self,
        token: str,
        argv: tuple[str, ...],
        environment: dict[str, str],
        cwd: str,
        stdout: str,
        stderr: str,
        timeout: float | None,
    ) -> None:
        if error := enter(cwd):
            self._channel.send(not_started(token, error))
            return
        started, variables = time.time(), {**self._environment, **environment}
        pipes = []
        try:
            pipes = self._pipes.take(Capture(stdout, LONGEST_LINE), Capture(stderr, _STDERR_KEPT))
            out, err = (pipe.write_end for pipe in pipes)
            pid = self._warm and self._warm.start(argv, variables, cwd, out, err)
            pid = pid or spawn(argv, variables, out, err, self._ignored)
        except (OSError, ValueError) as reason:
            self._pipes.give_back(pipes, reusable=True)
            self._channel.send(not_started(token, explain(reason, argv, cwd)))
            return
        task = RunningTask(token, pid, variables, pipes, started, timeout, self._memory.seen())
        self._trees.add(task)
        if timeout is not None:
            self._limited[token] = task

    # the preloaded Python

    def _preload(self, modules: tuple[str, ...], environment: dict[str, str]) -> None:
        from rose_mpi.execution.warm import WarmPython  # noqa: PLC0415  (imports socket)

        variables = {**self._environment, **environment}
        (output,) = self._pipes.take(Capture(os.devnull, _WARM_OUTPUT_KEPT))
        try:
            warm = WarmPython(modules, variables, self._ignored, output, self._tell)
        except (OSError, ValueError) as error:
            self._tell(f"warm Python is off: {error}", True)
            return
        self._warm = warm
        self._trees.of_no_task = warm.pid
        self._listener.listen(warm.descriptor, self._receive_warm)

    def _tell(self, warning: str, everywhere: bool) -> None:
        self._channel.send(("told", warning, everywhere))

    def _receive_warm(self) -> None:
        assert self._warm
        for ended in self._warm.receive():
            self._ended(*ended)
        if not self._warm.open:
            self._listener.ignore(self._warm.descriptor)
        self._settle(self._trees.strays())

    def _lose_warm(self, warm: WarmPython, status: int) -> None:
        """Go on without it, since it has ended; its running forks are children of this process now."""
        for ended in warm.receive():
            self._ended(*ended)
        self._listener.ignore(warm.descriptor)
        self._trees.of_no_task = 0
        if obituary := warm.close(status):
            self._tell(obituary, False)
        for pid in [pid for pid in self._trees.main_processes if not processes.is_child(pid)]:
            task = self._trees.main_processes.pop(pid)
            task.lost = True
            self._finish(task, clean=False)

    # ends of tasks

    def _reap(self) -> None:
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            return
        childless = False
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                childless = True
                break
            if pid == 0:
                break
            if self._warm and pid == self._warm.pid:
                self._lose_warm(self._warm, status)
            self._ended(pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
        self._settle([] if childless else self._trees.strays())

    def _ended(self, pid: int, status: int, cpu_seconds: float, max_rss: int) -> None:
        if task := self._trees.main_processes.pop(pid, None):
            task.reaped(status, cpu_seconds, max_rss)

    def _settle(self, left_behind: Collection[int]) -> None:
        """Finish the tasks that are over, and kill what belongs to none that runs."""
        strays = {pid: self._trees.owners(pid) for pid in left_behind}
        running = self._trees.tasks.values()
        for task in tuple(running):
            waits = task.ending_since is not None and [task] in strays.values()
            if task.status is not None and not waits:
                self._finish(task, clean=not strays)
        lost = [pid for pid, owners in strays.items() if not any(task in running for task in owners)]
        if lost:
            processes.kill_all(lambda: processes.with_descendants(lost))

    def _finish(self, task: RunningTask, *, clean: bool) -> None:
        """Tell the rank how a task ended; ``clean``: no process is left that may hold its pipes."""
        del self._trees.tasks[task.token]
        self._limited.pop(task.token, None)
        for pipe in task.pipes:
            pipe.drain()
        starved = task.failed and self._memory.since(task.memory) > 0
        self._channel.send(task.exited(self._memory.group if starved else ""))
        self._pipes.give_back(task.pipes, reusable=clean)

    def _enforce_limits(self) -> None:
        if not self._limited:
            return
        now = time.monotonic()
        for task in tuple(self._limited.values()):
            if task.ending_since is None:
                if task.deadline is not None and now >= task.deadline:
                    task.timed_out = True
                    self._end(task)
            elif now >= task.ending_since + _GIVE_UP:
                self._finish(task, clean=False)
            elif now >= task.ending_since + GRACE:
                self._trees.kill(task)
            else:
                self._trees.terminate(task)
        if self._any_ending():
            self._settle(self._trees.strays())

    def _end(self, task: RunningTask) -> None:
        task.ending_since = time.monotonic()
        self._limited[task.token] = task
        self._trees.terminate(task)
