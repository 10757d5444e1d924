"""The rank's side of its helper process."""

from __future__ import annotations

import logging
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

import rose_mpi
from rose_mpi.errors import HelperError
from rose_mpi.execution import processes
from rose_mpi.execution.environment import scrubbed
from rose_mpi.execution.frames import Unpacker, pack
from rose_mpi.execution.helper import GRACE
from rose_mpi.execution.spawned import Exited, Spawn, WarmStart

logger = logging.getLogger(__name__)

_PATIENCE = 10.0
_PROGRAM = """
import sys
sys.path.append({folder!r})
from rose_mpi.execution.helper_process import main
main()
"""


class Helper:
    """The helper process of this rank; to be used from one thread.

    Parameters
    ----------
    run:
        The run's identifier (``ROSE_RUN`` of every task).
    cpus:
        Cores that tasks may use; empty: all that the rank may.
    warm:
        A Python to keep ready; ``None``: none.
    slots:
        So many processes run at a time before those begin that may wait.

    Raises
    ------
    HelperError
        If the process cannot be started.
    """

    def __init__(self, run: str, cpus: frozenset[int], warm: WarmStart | None = None, slots: int = 1) -> None:
        self._socket, theirs = socket.socketpair()
        self._unpacker = Unpacker()
        self._run = run
        self._running: set[str] = set()
        self._returned: list[str] = []
        self._crash = ""
        self._speaks_for_all = False
        cores = ",".join(str(core) for core in sorted(cpus))
        try:
            self._process = subprocess.Popen(
                [*_interpreter(), str(theirs.fileno()), str(os.getpid()), cores, str(slots)],
                cwd="/",
                env={**scrubbed(os.environ), "ROSE_RUN": run},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            self._socket.close()
            raise HelperError(f"cannot start the helper process: {error}") from error
        finally:
            theirs.close()
        if warm:
            self.preload(warm)

    @property
    def pid(self) -> int:
        """Process id of the helper."""
        return self._process.pid

    def fileno(self) -> int:
        """Descriptor that becomes readable when :meth:`poll` has something to tell."""
        return self._socket.fileno()

    def preload(self, warm: WarmStart) -> None:
        """Keep a Python ready from now on; once.

        Raises
        ------
        HelperError
            If the helper is gone.
        """
        self._speaks_for_all = warm.speaks_for_all
        self._send(("preload", warm.modules, warm.environment))

    def start(self, *spawns: Spawn) -> None:
        """Start processes; an :class:`Exited` of each follows, unless one that waits is given back.

        Raises
        ------
        HelperError
            If the helper is gone.
        """
        self._send(*(("start", *_fields(spawn)) for spawn in spawns))
        self._running.update(spawn.token for spawn in spawns)

    def kill(self, token: str) -> None:
        """End a process and all below it (SIGTERM, 2 s, SIGKILL); an :class:`Exited` follows.

        A process that has already ended, or that is unknown, is left alone.

        Raises
        ------
        HelperError
            If the helper is gone.
        """
        self._send(("kill", token))

    def poll(self) -> list[Exited]:
        """What has ended since the last call; does not wait.

        Raises
        ------
        HelperError
            If the helper is gone; with its traceback if it left one.
        """
        ended: list[Exited] = []
        while True:
            try:
                data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return ended
            except OSError:
                data = b""
            if not data:
                if ended:
                    return ended
                raise HelperError(self._obituary())
            for kind, *fields in self._unpacker.feed(data):
                if kind == "crashed":
                    self._crash = str(fields[0])
                elif kind == "told":
                    self._warn(*fields)  # type: ignore[arg-type]
                elif kind == "returned":
                    self._running.discard(str(fields[0]))
                    self._returned.append(str(fields[0]))
                else:
                    exited = Exited(*fields)  # type: ignore[arg-type]
                    self._running.discard(exited.token)
                    ended.append(exited)

    def take_returned(self) -> list[str]:
        """The processes that :meth:`poll` was told of which waited for long and will not begin."""
        returned, self._returned = self._returned, []
        return returned

    def close(self) -> None:
        """End every process and the helper itself; waits for that, but not without bound."""
        if self._socket.fileno() < 0:
            return
        with suppress(HelperError):
            for token in tuple(self._running):
                self.kill(token)
            self._wait_for_tasks(GRACE + 1.0)
        self._socket.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            logger.warning("helper process %d still waits for tasks that cannot be killed", self.pid)

    def _warn(self, warning: str, everywhere: bool) -> None:
        level = logging.WARNING if self._speaks_for_all or not everywhere else logging.INFO
        logger.log(level, "%s", warning)

    def _wait_for_tasks(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while self._running and (left := until - time.monotonic()) > 0:
            poller.poll(left * 1000)
            self.poll()

    def _send(self, *messages: tuple[object, ...]) -> None:
        try:
            self._socket.sendall(b"".join(map(pack, messages)))
        except OSError as error:
            with suppress(HelperError):
                self.poll()
            raise HelperError(self._obituary()) from error

    def _obituary(self) -> str:
        """Why the helper is gone; the tasks that it leaves behind are ended."""
        processes.kill_all(self._orphans)
        if self._crash:
            return f"the helper process ended by an error of its own:\n{self._crash}"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        return f"the helper process (pid {self.pid}) ended unexpectedly (code {self._process.returncode})"

    def _orphans(self) -> list[int]:
        run = self._run.encode()
        tokens = {token.encode() for token in self._running}
        return [
            pid
            for pid, marks in processes.environments()
            if marks.get(b"ROSE_RUN") == run
            and b"%s#%s" % (marks.get(b"ROSE_TASK", b""), marks.get(b"ROSE_ATTEMPT", b"")) in tokens
        ]


_fields = attrgetter(*Spawn.__struct_fields__)


def _interpreter() -> list[str]:
    """A Python that starts quickly: without site, user settings, and the rank's ``sys.path``."""
    folder = Path(rose_mpi.__file__).resolve().parent.parent
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM.format(folder=str(folder))]
