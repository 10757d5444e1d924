"""The lock beside a results file: one run at a time writes it, on network file systems too.

The lock is a file that names its holder. It is made by a hard link, which either succeeds for one process
or fails, on every file system. The holder touches it every :data:`BEAT` seconds.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from rose_mpi.errors import LockedError, StoreError, UsageError
from rose_mpi.layout import Layout
from rose_mpi.store.files import create, write_all
from rose_mpi.store.holder import Holder, holder_in, this_process

BEAT: Final = 10.0
SILENCE: Final = 60.0
"""A holder on another host that has not touched its lock for so many seconds is dead."""

_LOOK: Final = 0.5
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

_log = logging.getLogger(__name__)


class Lock:
    """The right to write a run's results, from the constructor to :meth:`release`.

    The lock of a dead run is taken over: on the same host when the holder's process is gone, else when it
    has been silent for :data:`SILENCE` seconds, which the constructor waits for.

    Raises
    ------
    LockedError
        If another run holds it.
    UsageError
        If the folder cannot be made or written.
    """

    def __init__(self, layout: Layout, run: str) -> None:
        self._layout = layout
        self._own = this_process(run)
        self._beaten = time.monotonic()
        draft = layout.lock.with_name(f"{layout.lock.name}.{self._own.token}")
        try:
            layout.results.parent.mkdir(parents=True, exist_ok=True)
            _write(draft, self._own)
            try:
                while not _linked(draft, layout.lock, self._own):
                    self._clear_dead(draft)
            finally:
                draft.unlink(missing_ok=True)
        except LockedError:
            raise
        except OSError as error:
            raise UsageError(
                f"{layout.lock} cannot be made: {error.strerror or error}: name another output"
            ) from error

    def beat(self) -> None:
        """Show that this run is alive, where that is due.

        Raises
        ------
        StoreError
            If somebody else has taken the lock.
        """
        if time.monotonic() - self._beaten < BEAT:
            return
        self._beaten = time.monotonic()
        if not self._is_own() and not self._is_back():
            raise StoreError(
                f"{self._layout.lock} was taken by another run, so this one writes "
                f"{self._layout.results.name} no more"
            )
        with suppress(OSError):
            os.utime(self._layout.lock)

    def release(self) -> None:
        """Let others write."""
        with suppress(OSError):
            if self._is_own():
                self._layout.lock.unlink()

    def _is_own(self) -> bool:
        holder = holder_in(self._layout.lock)
        return holder is not None and holder.token == self._own.token

    def _is_back(self) -> bool:
        """Whether the lock, which was not there, is ours again: somebody may have removed it by hand."""
        time.sleep(_LOOK)
        if self._is_own():
            return True
        draft = self._layout.lock.with_name(f"{self._layout.lock.name}.{uuid4().hex}")
        try:
            _write(draft, self._own)
            return _linked(draft, self._layout.lock, self._own)
        except OSError:  # the disk refuses: those who write records tell it
            return True
        finally:
            with suppress(OSError):
                draft.unlink()

    def _clear_dead(self, draft: Path) -> None:
        """Remove the lock of a dead run; of several that want to, one does so at a time."""
        lock = self._layout.lock
        dead = holder_in(lock)
        if dead is None:
            return
        _await_death(dead, self._layout, draft)
        guard = lock.with_name(f"{lock.name}.guard")
        if not _linked(draft, guard, self._own):
            _pass_by(guard, draft)
            return
        try:
            if holder_in(lock) == dead:
                lock.unlink()
        finally:
            guard.unlink()


def writer_of(layout: Layout) -> Holder | None:
    """Who writes a run's results now, as far as can be seen from here; ``None`` if nobody does."""
    holder = holder_in(layout.lock)
    if holder is None or holder.is_alive() is False:
        return None
    silent = holder.is_alive() is None and time.time() - holder.touched > SILENCE
    return None if silent else holder


def _pass_by(guard: Path, draft: Path) -> None:
    """Somebody else removes a dead run's lock; if they died over it, remove theirs."""
    holder = holder_in(guard)
    if holder is None:
        return
    if holder.is_alive() is False or _touch(draft) - holder.touched > SILENCE:
        guard.unlink(missing_ok=True)
    else:
        time.sleep(_LOOK / 10)


def _await_death(holder: Holder, layout: Layout, draft: Path) -> None:
    """Return when the holder is dead.

    Raises
    ------
    LockedError
        If it lives.
    """
    alive = holder.is_alive()
    told = False
    while alive is None:
        try:
            touched, now = layout.lock.stat().st_mtime, _touch(draft)
        except FileNotFoundError:
            return
        if holder.touched != touched:
            alive = True
        elif now - touched > SILENCE:
            alive = False
        else:
            if not told:
                _log.warning(
                    "%s is locked by %s: waiting up to %.0f s for a sign of life",
                    layout.results,
                    holder,
                    SILENCE,
                )
                told = True
            time.sleep(_LOOK)
    if alive:
        raise LockedError(
            f"{layout.results} is being written by {holder}: wait for its end, or name another output"
        )


def _touch(path: Path) -> float:
    """The file server's time, which need not be this host's."""
    os.utime(path)
    return path.stat().st_mtime


def _write(path: Path, holder: Holder) -> None:
    descriptor = create(path)
    try:
        write_all(descriptor, memoryview(holder.text().encode()))
    finally:
        os.close(descriptor)


def _linked(draft: Path, lock: Path, holder: Holder) -> bool:
    """Whether the lock is ours now."""
    try:
        os.link(draft, lock)
    except FileExistsError:
        return _is_same(draft, lock)  # a network file system repeated a request that had succeeded
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _created(lock, holder)
    return True


def _created(lock: Path, holder: Holder) -> bool:
    """The same where the file system has no hard links."""
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    try:
        write_all(descriptor, memoryview(holder.text().encode()))
    finally:
        os.close(descriptor)
    return True


def _is_same(draft: Path, lock: Path) -> bool:
    try:
        return draft.samefile(lock)
    except FileNotFoundError:
        return False
