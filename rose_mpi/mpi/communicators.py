"""Communicators of groups of ranks, each for one collective use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mpi4py import MPI

from rose_mpi.mpi.faults import tolerates_faults


class BrokenGroupError(Exception):
    """A rank that took part was lost, so that what the others did together came to nothing."""


class Communicators:
    """Makes the communicator of the ranks that work together; one at a time.

    Parameters
    ----------
    base:
        The communicator of all ranks, on which nothing else travels, alive as long as this is.

    Attributes
    ----------
    entering:
        Whether a communicator is being made.
    entered:
        How many were begun.
    """

    def __init__(self, base: MPI.Intracomm) -> None:
        self._base = base
        self._everyone = base.Get_group()
        self._renewal: threading.Thread | None = None
        self._tolerates_faults = tolerates_faults()
        self._lock = threading.Lock()
        self.entering = False
        self.entered = 0
        self._current: MPI.Intracomm | None = None

    @contextmanager
    def of(self, ranks: Sequence[int], number: int) -> Iterator[MPI.Intracomm]:
        """A communicator of some ranks, for as long as they work together.

        Collective over ``ranks``, which must be known to be there: with a member that never enters, the
        creation hangs for ever. It takes some tens of microseconds, against milliseconds for what it serves,
        so that none is kept: members come and go, and an MPI library holds two thousand communicators at
        most.

        Parameters
        ----------
        number:
            Keeps creations apart that go on at the same time; the same on all members.

        Raises
        ------
        BrokenGroupError
            If one of the ranks was lost.
        """
        members = self._everyone.Incl(ranks)
        try:
            comm = self._made(members, number)
            yield comm
        except MPI.Exception as error:
            if not self._tolerates_faults:
                raise
            self.break_up()
            raise BrokenGroupError(str(error)) from error
        finally:
            with self._lock:
                self._current = None
        for used in (comm, members):
            if used:  # whoever worked with it may have freed it
                used.Free()

    def _made(self, members: MPI.Group, number: int) -> MPI.Intracomm:
        self.entered += 1
        self.entering = True
        try:
            self._current = self._base.Create_group(members, number % _tags())
        finally:
            self.entering = False
        return self._current

    def renew(self, then: Callable[[], None]) -> None:
        """Go on without the ranks that were lost: with one of them no group can be made.

        Collective over all that are left, and once for each loss. Returns at once; ``then`` is called in
        another thread.
        """
        previous = self._renewal

        def renew() -> None:
            if previous:
                previous.join()
            self._base = MPI.Intracomm(self._base.Shrink())
            then()

        self._renewal = threading.Thread(target=renew, name="rose-renewal", daemon=True)
        self._renewal.start()

    def refuse_broken(self, comm: MPI.Intracomm) -> None:
        """Refuse what a function came to that may have taken the loss of a member for an error of its own.

        Raises
        ------
        BrokenGroupError
            If one of the ranks was lost.
        """
        if self._tolerates_faults and comm and (comm.Is_revoked() or comm.Get_failed().size):
            self.break_up()
            raise BrokenGroupError("a rank was lost")

    def break_up(self) -> bool:
        """Have all members leave what they do together; from any thread.

        Returns whether one is being made, which nothing can end.
        """
        with self._lock:
            if self._current:
                self._current.Revoke()
        return self.entering


def _tags() -> int:
    """How many tags this MPI library has."""
    tags: Any = MPI.COMM_WORLD.Get_attr(MPI.TAG_UB)
    return int(tags)
