"""The helper process's side of the preloaded Python: it starts it, and gives its forks to tasks."""

from __future__ import annotations

import marshal
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from rose_mpi.execution.interpreter import fits, has_relative_folder, script_position
from rose_mpi.execution.own_process import LABEL_ROOM
from rose_mpi.execution.packets import LARGEST_PACKET, channel_pair, receive, send
from rose_mpi.execution.pipes import Pipe
from rose_mpi.execution.processes import name_of_signal
from rose_mpi.execution.starting import spawn

_LINES_SHOWN = 5
OF_ONE_TASK = frozenset(
    {
        "ROSE_ATTEMPT",
        "ROSE_INDEX",
        "ROSE_ITERATION",
        "ROSE_LEARNER",
        "ROSE_MODEL",
        "ROSE_RESULT",
        "ROSE_SEED",
        "ROSE_SELECTED",
        "ROSE_TASK",
    }
)
"""Variables that differ from task to task: warm Python is of no use to modules whose import reads them."""
_PATIENCE = 1.0
_PROGRAM = "import sys; sys.path.append({folder!r}); from rose_mpi.execution.zygote import main; main()"


class WarmPython:
    """A Python that has imported modules, and forks that wait for tasks.

    One fork waits ahead, so that a task starts at once. Tasks take the ordinary way as long as the modules
    are being imported, when they need anything unusual, and after the preloaded Python has ended.

    Parameters
    ----------
    modules:
        What it imports.
    environment:
        The whole environment that it starts in.
    ignored:
        Signals that have their default action there.
    output:
        For what it writes itself.
    tell:
        Takes warnings, and whether every rank gives the same.

    Attributes
    ----------
    pid:
        The preloaded Python's; 0 after its end.
    open:
        Whether its end of the channel is.

    Raises
    ------
    OSError, ValueError
        If it cannot be started, or would not be what a new Python is.
    """

    def __init__(
        self,
        modules: tuple[str, ...],
        environment: dict[str, str],
        ignored: Collection[int],
        output: Pipe,
        tell: Callable[[str, bool], None],
    ) -> None:
        if has_relative_folder(environment.get("PYTHONPATH", "")):
            raise ValueError(
                f"PYTHONPATH holds a folder that is not absolute ({environment['PYTHONPATH']!r})"
            )
        self.open = True
        self._told = False
        self._environment = environment
        self._tell = tell
        self._ready = False
        self._read: frozenset[str] = frozenset()
        self._forks: deque[socket.socket] = deque()
        self._channel, theirs = channel_pair()
        self._channel.setblocking(False)
        self._output = output
        with theirs:
            theirs.set_inheritable(True)
            command = (sys.executable, "-c", _program(), str(theirs.fileno()), *modules)
            self.pid = spawn(command, environment | LABEL_ROOM, output.write_end, output.write_end, ignored)

    @property
    def descriptor(self) -> int:
        """What can be read when :meth:`receive` has something to do."""
        return self._channel.fileno()

    def receive(self) -> list[tuple[int, int, float, int]]:
        """Take what it says; returns the pid, status, processor seconds and memory of forks that ended."""
        ended = []
        while self.open:
            try:
                message, _ = receive(self._channel)
            except BlockingIOError:
                break
            except OSError:
                message = None
            match message:
                case None:
                    self.open = False
                case "ended", pid, status, cpu_seconds, max_rss:
                    ended.append((pid, status, cpu_seconds, max_rss))
                case "ready", *read:
                    self._ready, self._read = True, frozenset(read)
                    self._warn_of_variables()
                    self._order_fork()
                case "left out", module, reason:
                    self._tell(f"preload: {module} cannot be imported ({reason}), so it is left out", True)
                case "unfit", reason:
                    self._told = True
                    self._tell(f"warm Python is off: {reason}", True)
        return ended

    def start(
        self, argv: tuple[str, ...], variables: Mapping[str, str], cwd: str, stdout: int, stderr: int
    ) -> int | None:
        """Give a task to a fork.

        Returns
        -------
        int | None
            Its process id; ``None``: the task must be started the ordinary way.
        """
        position = script_position(argv) if self._ready else None
        if position is None or not fits(variables, self._environment, self._read):
            return None
        words = tuple(os.fsencode(word) for word in argv)
        order = marshal.dumps((words, position, self._changes(variables), os.fsencode(cwd)))
        if len(order) > LARGEST_PACKET:
            return None
        with suppress(OSError):
            return self._handed_over(order, stdout, stderr)
        return None

    def close(self, status: int) -> str:
        """Let go of it after its end, and of forks that wait; returns what the user must know of it."""
        self._ready = False
        self.pid = 0
        for channel in (self._channel, *self._forks):
            channel.close()
        self._forks.clear()
        self._output.drain()
        self._output.close()
        if self._told:
            return ""
        code = os.waitstatus_to_exitcode(status)
        how = f"exit code {code}" if code >= 0 else name_of_signal(-code)
        text = f"the preloaded Python ended ({how}), so tasks start the ordinary way from now on"
        return "\n".join(filter(None, [text, self._output.capture.tail(_LINES_SHOWN)]))

    def _changes(self, variables: Mapping[str, str]) -> dict[bytes, bytes | None]:
        """What a task's environment has otherwise than the preloaded Python's."""
        added = {name: value for name, value in variables.items() if self._environment.get(name) != value}
        removed = dict.fromkeys(self._environment.keys() - variables.keys())
        return {
            os.fsencode(name): None if value is None else os.fsencode(value)
            for name, value in (added | removed).items()
        }

    def _handed_over(self, order: bytes, stdout: int, stderr: int) -> int | None:
        """Give an order to the fork that waits, if there is one soon, and have another one made."""
        if not self._forks:
            return None
        fork = self._forks[0]
        fork.settimeout(_PATIENCE)
        message, _ = receive(fork)
        self._forks.popleft()
        self._order_fork()
        with fork:
            if message is None:
                return None
            send(fork, order, stdout, stderr)
        pid: int = message[0]
        return pid

    def _order_fork(self) -> None:
        ours, theirs = channel_pair()
        with theirs, suppress(OSError):  # it has ended
            send(self._channel, marshal.dumps(("fork",)), theirs.fileno())
            self._forks.append(ours)

    def _warn_of_variables(self) -> None:
        tasks_own = sorted(self._read & OF_ONE_TASK)
        if tasks_own:
            self._tell(
                f"preload: the modules read {', '.join(tasks_own)} when they are imported, which "
                f"differs from task to task, so warm Python is of no use",
                True,
            )


def _program() -> str:
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    return _PROGRAM.format(folder=folder)
