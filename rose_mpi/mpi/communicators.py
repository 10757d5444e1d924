"""Communicators of groups of ranks, each for one collective use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mpi4py import MPI


@contextmanager
def communicator_of(base: MPI.Intracomm, ranks: Sequence[int], number: int) -> Iterator[MPI.Intracomm]:
    """A communicator of some ranks, for as long as they work together.

    Collective over ``ranks``, which must be known to be there: with a member that never enters, the creation
    hangs for ever. It takes some tens of microseconds, against milliseconds for what it serves, so that none
    is kept: members come and go, and an MPI library holds two thousand communicators at most.

    Parameters
    ----------
    base:
        The communicator of all ranks, on which nothing else travels.
    number:
        Keeps creations apart that go on at the same time; the same on all members.
    """
    everyone = base.Get_group()
    members = everyone.Incl(ranks)
    comm = base.Create_group(members, number % _tags())
    yield comm
    for used in (comm, members, everyone):
        if used:  # whoever worked with it may have freed it
            used.Free()


def _tags() -> int:
    """How many tags this MPI library has."""
    tags: Any = MPI.COMM_WORLD.Get_attr(MPI.TAG_UB)
    return int(tags)
