"""Rank 0's eye on the other ranks: which of them are lost, by what MPI says or by their silence."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Final

from rose_mpi.mpi.channel import COORDINATOR
from rose_mpi.mpi.coordinator import Coordinator
from rose_mpi.mpi.failure import end_job
from rose_mpi.mpi.faults import end_rank
from rose_mpi.mpi.heartbeats import LOOK_SECONDS, WARNING_SECONDS, Heartbeats
from rose_mpi.mpi.loss_messages import Alive, EndRank
from rose_mpi.mpi.messages import Hello
from rose_mpi.mpi.node import Node
from rose_mpi.telling import tell

LEAVING_SECONDS: Final = 60.0
"""How long ranks may take to leave where no run has begun."""

logger = logging.getLogger(__name__)


class Losses:
    """Tells the coordinator of each rank that is lost, once.

    Parameters
    ----------
    hellos:
        What the ranks said of themselves; filled as they come.
    """

    def __init__(self, node: Node, hellos: Mapping[int, Hello]) -> None:
        self._node = node
        self._hellos = hellos
        self._lost: dict[int, str] = {}
        self._coordinator: Coordinator | None = None
        self._heartbeats = Heartbeats((), 0.0)
        self._timeout = LEAVING_SECONDS
        self._leaving = False
        node.channel.died = self._died
        node.handlers[Alive] = lambda rank, _: self._heard(rank)

    def watch(self, coordinator: Coordinator, timeout: float) -> None:
        """Expect signs of life from now on; what was lost before is told at once."""
        self._coordinator = coordinator
        self._timeout = timeout
        self._heartbeats = Heartbeats(self._hellos.keys() - {COORDINATOR}, timeout)
        for rank, reason in self._lost.items():
            self._heartbeats.forget(rank)
            self._tell(coordinator, rank, reason)
        self._node.progress.later(LOOK_SECONDS, self._look)

    def leave(self) -> None:
        """All ranks are to leave; wait no longer than usual for one that does not."""
        self._leaving = True
        self._node.progress.later(self._timeout, self._leave_without)

    def _died(self, rank: int) -> None:
        """MPI says so, perhaps in the middle of sending."""
        self._node.progress.post(partial(self._lose, rank, "its process has ended"))

    def _lose(self, rank: int, reason: str) -> None:
        if rank in self._lost or self._leaving:
            return
        self._lost[rank] = reason
        self._heartbeats.forget(rank)
        logger.warning("%s is lost: %s", self._name(rank), reason)
        if self._coordinator:
            self._tell(self._coordinator, rank, reason)

    def _tell(self, coordinator: Coordinator, rank: int, reason: str) -> None:
        coordinator.lost(rank, self._hellos[rank].host, reason)
        epoch = self._node.channel.epoch
        self._node.progress.later(self._timeout, partial(coordinator.give_up_recovery, epoch))

    def _heard(self, rank: int) -> None:
        silence = self._heartbeats.heard(rank)
        if silence >= WARNING_SECONDS:
            logger.warning("%s gives signs of life again, after %.0f s", self._name(rank), silence)

    def _look(self) -> None:
        if self._leaving:
            return
        silent, given_up = self._heartbeats.look()
        for rank in silent:
            logger.warning("%s has given no sign of life for %.0f s", self._name(rank), WARNING_SECONDS)
        for rank in given_up:
            if self._node.channel.tolerates_faults:
                self._end(rank)
            self._lose(rank, f"it gave no sign of life for {self._timeout:g} s")
        self._node.progress.later(LOOK_SECONDS, self._look)

    def _leave_without(self) -> None:
        """Some ranks do not say goodbye."""
        channel = self._node.channel
        if not channel.tolerates_faults:
            tell("some ranks do not leave: all results are saved, and the job is ended without them")
            end_job(1)
        for rank in channel.awaited:
            self._end(rank)
            channel.give_up(rank)

    def _end(self, rank: int) -> None:
        """Have the process of a rank that hangs ended by a rank of its host, or the job would wait for it."""
        hung = self._hellos[rank]
        others = (other for other, hello in self._hellos.items() if hello.host == hung.host)
        neighbour = next((other for other in others if other != rank and other not in self._lost), None)
        if neighbour == COORDINATOR:
            end_rank(rank, hung.pid)
        elif neighbour is not None:
            self._node.channel.send(neighbour, EndRank(rank, hung.pid))

    def _name(self, rank: int) -> str:
        hello = self._hellos.get(rank)
        return f"rank {rank} on {hello.host}" if hello else f"rank {rank}"
