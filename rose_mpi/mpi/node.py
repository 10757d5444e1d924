"""One rank of a run: its engine thread, its serving thread, and what it is to the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from rose_mpi.execution.context import RunContext
from rose_mpi.mpi import messages as m
from rose_mpi.mpi.callrunner import CallRunner
from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.failure import abort
from rose_mpi.mpi.kernels import KernelWarming
from rose_mpi.mpi.leader import Leader
from rose_mpi.mpi.membership import Membership
from rose_mpi.mpi.progress import Progress
from rose_mpi.mpi.scoring import ScoreLead, ScoreMember
from rose_mpi.mpi.worker import Worker
from rose_mpi.mpi.world import World

T = TypeVar("T")
Handler = Callable[[int, Any], None]


class Node:
    """Delivers messages to the worker, the leader and the member that this rank is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel = Channel(world.comm)
        self.progress = Progress(self.channel, alone=world.size == 1)
        self.runner = CallRunner()
        self._membership = Membership(world.base, self.channel, self.runner, self.progress.post)
        self._kernels = KernelWarming()
        self._worker: Worker | None = None
        self._member: ScoreMember | None = None
        self._leader: Leader | None = None
        self._score_lead: ScoreLead | None = None
        self._slots = 1
        self._thread = threading.Thread(target=self._run, name="rose-engine", daemon=True)
        self.handlers: dict[type, Handler] = {
            m.Welcome: lambda _, message: self._welcome(message),
            m.JoinGroup: lambda _, message: self._join(message),
            m.GroupGo: lambda _, message: self._membership.go(message),
            m.RunTask: lambda rank, message: _there(self._worker).run(rank, message),
            m.KillTask: lambda _, message: _there(self._worker).kill(message),
            m.RunStage: lambda _, message: _there(self._leader).run_stage(message),
            m.CancelTasks: lambda _, message: _there(self._leader).cancel(message),
            m.TaskEnded: lambda _, message: _there(self._leader).task_ended(message),
            m.AskLoan: lambda _, message: _there(self._leader).ask_loan(message),
            m.Loan: lambda rank, message: _there(self._leader).loan(rank, message),
            m.RecallLoan: lambda _, message: _there(self._leader).recall_loan(message),
            m.LoanOver: lambda _, message: _there(self._leader).loan_over(message),
            m.PrepareScore: lambda rank, message: _there(self._member).prepare(rank, message),
            m.ScoreGo: lambda _, message: _there(self._member).go(message),
            m.ScoreEnsemble: lambda _, message: _there(self._score_lead).order(message),
            m.ScoreReady: lambda rank, message: _there(self._score_lead).ready(rank, message),
            m.MemberScored: lambda rank, message: _there(self._score_lead).ended(rank, message),
            m.Goodbye: lambda *_: self._goodbye(),
        }
        self.progress.handle = lambda rank, message: self.handlers[type(message)](rank, message)

    def start(self) -> None:
        """Begin to answer messages, and tell the coordinator so."""
        cpus = frozenset(os.sched_getaffinity(0))
        self.channel.send(COORDINATOR, m.Hello(self.world.host, cpus))
        self._thread.start()

    def tell_coordinator(self, message: m.Message) -> None:
        """Send a message to rank 0; from any thread."""
        self.progress.post(lambda: self.channel.send(COORDINATOR, message))

    def join(self) -> None:
        """Wait for the end of the engine thread, after a goodbye; then free what MPI holds."""
        self._thread.join()
        self._membership.free()
        self.world.comm.Free()

    def _run(self) -> None:
        try:
            self.progress.run()
        except BaseException as error:  # nothing may end this thread unseen
            abort(self.world, error)

    def _welcome(self, message: m.Welcome) -> None:
        settings = message.settings
        context = RunContext(
            run=settings.run,
            root=settings.root,
            layout=settings.layout,
            rank=self.world.rank,
            host=self.world.host,
            cpus=message.cpus,
            environment=settings.environment,
        )
        self._slots = settings.tasks_per_rank
        worker = self._worker = Worker(context, self.channel, self.runner, self.progress.post)
        self.progress.watch(worker.fileno(), worker.collect)
        self._member = ScoreMember(
            self.channel,
            self.runner,
            self.progress.post,
            lambda: self._membership.comm,
            worker.arrays,
            threads=message.threads,
            kernels_ready=self._kernels.wait,
        )
        if settings.metrics and self._serves_learners:
            self._kernels.start(settings.metrics, settings.root)

    @property
    def _serves_learners(self) -> bool:
        return self.world.rank > 0 or self.world.size == 1

    def _join(self, message: m.JoinGroup) -> None:
        group = message.group
        self._membership.join(message)
        if group.leader == self.world.rank:
            self._leader = Leader(self.channel, group.ranks, self._slots, message.functions)
            self._score_lead = ScoreLead(self.channel, group.ranks)

    def _goodbye(self) -> None:
        if self._worker:
            self.progress.unwatch(self._worker.fileno())
            self._worker.close()
        self.runner.stop()
        self.progress.stop()


def _there(part: T | None) -> T:
    if part is None:
        raise RuntimeError("a message came before the rank had its part in the run")
    return part
