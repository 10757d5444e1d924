"""Messages between the helper process, the preloaded Python and its forks: one marshalled tuple a packet."""

from __future__ import annotations

import marshal
import socket
from typing import Any

LARGEST_PACKET = 100_000
"""Bytes that a socket takes at once with any usual setting of the kernel."""
_DESCRIPTORS = 2


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, packet: bytes, *descriptors: int) -> None:
    """Send a packet, and descriptors that the other end gets copies of."""
    socket.send_fds(channel, [packet], descriptors)


def receive(channel: socket.socket) -> tuple[tuple[Any, ...] | None, list[int]]:
    """The next message, and descriptors that came with it; ``None`` if the other end is closed."""
    packet, descriptors, *_ = socket.recv_fds(channel, LARGEST_PACKET, _DESCRIPTORS)
    return (marshal.loads(packet) if packet else None), descriptors
