"""A rank's place in a group, and the group's communicator."""

from __future__ import annotations

from collections.abc import Callable

from mpi4py import MPI

from rose_mpi.mpi.callrunner import CallRunner, Gate
from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.messages import GroupGo, GroupReady, JoinGroup
from rose_mpi.scheduling.groups import Group


class Membership:
    """Enters groups in the order of their numbers, each only when all its members are ready.

    Creating a communicator with a member that never enters would hang for ever, so nobody enters before
    the coordinator says go. Communicators are kept by their list of members and used again.
    """

    def __init__(
        self,
        base: MPI.Intracomm,
        channel: Channel,
        runner: CallRunner,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._base = base
        self._channel = channel
        self._runner = runner
        self._post = post
        self._gates: dict[int, Gate] = {}
        self._comms: dict[tuple[int, ...], MPI.Intracomm] = {}
        self._comm: MPI.Intracomm | None = None

    @property
    def comm(self) -> MPI.Intracomm:
        """The communicator of the rank's group; for the thread that enters collectives."""
        if self._comm is None:
            raise RuntimeError("this rank is in no group yet")
        return self._comm

    def join(self, message: JoinGroup) -> None:
        """Prepare to enter a group; one without learners only lends and needs no communicator."""
        if message.group.learners:
            gate = self._gates[message.number] = Gate()
            self._runner.submit(lambda: self._enter(message, gate))
        else:
            self._channel.send(COORDINATOR, GroupReady(message.number))

    def go(self, message: GroupGo) -> None:
        """Enter it: all members are ready."""
        gate = self._gates.pop(message.number, None)
        if gate:
            gate.open(go=True)

    def free(self) -> None:
        """Free the communicators; collective over each, so for the orderly end only."""
        for comm in self._comms.values():
            comm.Free()
        self._comms.clear()

    def _enter(self, message: JoinGroup, gate: Gate) -> None:
        self._post(lambda: self._channel.send(COORDINATOR, GroupReady(message.number)))
        if gate.wait():
            self._comm = self._comms.get(message.group.ranks) or self._create(message.number, message.group)

    def _create(self, number: int, group: Group) -> MPI.Intracomm:
        members = self._base.Get_group().Incl(group.ranks)
        comm = self._base.Create_group(members, number)
        self._comms[group.ranks] = comm
        return comm
