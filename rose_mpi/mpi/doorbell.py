"""Wakes the sleeping ranks of one host when a message for them has been sent.

MPI cannot wake a thread, so a rank that sleeps would find a message only at its next look. A datagram on a
Unix socket in the abstract namespace of Linux can: no file, and nothing leaves the host.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection


class Doorbell:
    """The bell of a rank, and those of its neighbours.

    Parameters
    ----------
    run:
        Identifier of the run, the same on all ranks and different from that of any other run.
    neighbours:
        Ranks on the same host.
    """

    def __init__(self, run: str, rank: int, neighbours: Collection[int]) -> None:
        self._addresses = {other: _address(run, other) for other in neighbours if other != rank}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(_address(run, rank))

    def fileno(self) -> int:
        """What can be read when somebody rang."""
        return self._socket.fileno()

    def ring(self, rank: int) -> None:
        """Wake a rank, if it is a neighbour; a bell that is full, or not there yet, is of no harm."""
        address = self._addresses.get(rank)
        if address:
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", address)

    def answer(self) -> None:
        """Take note of one who rang."""
        self._socket.recv(1)

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()


def _address(run: str, rank: int) -> bytes:
    return f"\0rose-mpi/{run}/{rank}".encode()
