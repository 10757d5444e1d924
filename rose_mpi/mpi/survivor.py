"""What a rank does when others were lost: it keeps what it runs, and forgets what it led."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.communicators import Communicators
from rose_mpi.mpi.faults import end_process
from rose_mpi.mpi.leader import Leader
from rose_mpi.mpi.loss_messages import Census, Regroup
from rose_mpi.mpi.progress import Progress
from rose_mpi.mpi.scoring import ScoreLead, ScoreMember
from rose_mpi.mpi.wide import WideMember
from rose_mpi.mpi.worker import Worker

STUCK_SECONDS: Final = 5.0
"""How long a rank may try to form a communicator with a lost one: nothing can end that but its own end."""


class Survivor:
    """The parts of a rank that a loss concerns."""

    def __init__(
        self,
        channel: Channel,
        progress: Progress,
        communicators: Communicators,
        worker: Worker,
        leader: Leader,
        score_lead: ScoreLead,
        members: tuple[ScoreMember, WideMember],
    ) -> None:
        self._channel = channel
        self._progress = progress
        self._communicators = communicators
        self._worker = worker
        self._leader = leader
        self._score_lead = score_lead
        self._members = members

    def regroup(self, message: Regroup) -> None:
        """Leave everything that was agreed with others, and tell the coordinator what is here."""
        for rank in message.lost:
            self._channel.give_up(rank)
        held = self._worker.orphan()
        self._channel.begin_epoch(message.epoch)
        self._leader.reset()
        self._score_lead.reset()
        for member in self._members:
            member.turn_away()
        if self._communicators.break_up():
            self._progress.later(STUCK_SECONDS, partial(self._end_if_stuck, self._communicators.entered))
        census = Census(message.epoch, tuple(held), tuple(self._worker.caller.arrays))
        answer = partial(self._channel.send, COORDINATOR, census)
        self._communicators.renew(then=partial(self._progress.post, answer))

    def _end_if_stuck(self, entered: int) -> None:
        if self._communicators.entering and self._communicators.entered == entered:
            end_process(os.getpid())  # a kill, of which MPI tells the others, not an exit
