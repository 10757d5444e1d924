"""One rank of a run: its engine thread, its serving thread, and what it is to the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from rose_mpi.execution.context import RunContext
from rose_mpi.execution.gpus import visible_gpus
from rose_mpi.execution.share import Share
from rose_mpi.mpi import messages as m
from rose_mpi.mpi.callrunner import CallRunner
from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.communicators import Communicators
from rose_mpi.mpi.doorbell import Doorbell
from rose_mpi.mpi.failure import abort
from rose_mpi.mpi.faults import end_rank, leave_at_once
from rose_mpi.mpi.heartbeats import BEAT_SECONDS
from rose_mpi.mpi.kernels import KernelWarming
from rose_mpi.mpi.leader import Leader
from rose_mpi.mpi.loan_messages import AskLoan, Loan, LoanOver, RecallLoan
from rose_mpi.mpi.loss_messages import Adopt, Alive, EndRank, Inherit, KeepArrays, Regroup, TellAgain
from rose_mpi.mpi.progress import Progress
from rose_mpi.mpi.scoring import ScoreLead, ScoreMember
from rose_mpi.mpi.survivor import Survivor
from rose_mpi.mpi.wide import WideMember
from rose_mpi.mpi.wide_messages import PartEnded, PrepareTask, TaskGo, TaskReady
from rose_mpi.mpi.worker import Worker
from rose_mpi.mpi.world import World

Handler = Callable[[int, Any], None]


class Node:
    """Delivers messages to the worker, the leader and the member that this rank is.

    These parts begin with the welcome. Other ranks may have had theirs before: what they say waits.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel = Channel(world.comm)
        self.progress = Progress(self.channel, alone=world.size == 1)
        self.progress.handle = self._deliver
        self.channel.died = self._died
        self.runner = CallRunner()
        self._worker: Worker | None = None
        self._doorbell: Doorbell | None = None
        self._early: list[tuple[int, m.Message]] = []
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name="rose-engine", daemon=True)
        self.handlers: dict[type, Handler] = {
            m.Welcome: lambda _, message: self._welcome(message),
            m.Goodbye: lambda *_: self._goodbye(),
            EndRank: lambda _, message: end_rank(message.rank, message.pid),
        }

    def start(self) -> None:
        """Begin to answer messages, and tell the coordinator so."""
        share = Share(frozenset(os.sched_getaffinity(0)), visible_gpus())
        self.channel.send(COORDINATOR, m.Hello(self.world.host, share, os.getpid()))
        self._thread.start()

    def tell_coordinator(self, message: m.Message) -> None:
        """Send a message to rank 0; from any thread."""
        self.progress.post(lambda: self.channel.send(COORDINATOR, message))

    def _died(self, rank: int) -> None:
        """MPI says that a rank has died; the coordinator sees to it, unless that is the one."""
        if rank == COORDINATOR:
            leave_at_once(1)

    def join(self) -> None:
        """Wait for the end of the engine thread, after a goodbye; then free what MPI holds."""
        self._thread.join()
        if self._doorbell:
            self._doorbell.close()
        self.world.comm.Free()

    def _run(self) -> None:
        try:
            self.progress.run()
        except BaseException as error:  # nothing may end this thread unseen
            abort(self.world, error)

    def _welcome(self, message: m.Welcome) -> None:
        settings = message.settings
        self._hang_doorbell(settings.run, message.neighbours)
        worker = self._worker = self._hire(message)
        leader = Leader(
            self.channel,
            self.progress.later,
            settings.tasks_per_rank,
            functions=self._serves_learners,
            policy=settings.policy,
        )
        score_lead = ScoreLead(self.channel, leader)
        communicators = Communicators(self.world.base)
        member = ScoreMember(
            self.channel,
            self.runner,
            self.progress.post,
            communicators,
            worker.caller.arrays,
            threads=message.threads,
            kernels=self._kernels(settings),
        )
        wide = WideMember(self.channel, self.runner, self.progress.post, communicators, worker)
        self.handlers.update(_handlers(worker, leader, score_lead, member, wide))
        survivor = Survivor(
            self.channel, self.progress, communicators, worker, leader, score_lead, (member, wide)
        )
        self.handlers[Regroup] = lambda _, message: survivor.regroup(message)
        if self.world.rank != COORDINATOR:
            self._beat()
        early, self._early = self._early, []
        for rank, waiting in early:
            self._deliver(rank, waiting)

    def _hire(self, message: m.Welcome) -> Worker:
        """The worker, whose ended processes wake the engine thread."""
        settings = message.settings
        context = RunContext(
            run=settings.run,
            root=settings.root,
            layout=settings.layout,
            rank=self.world.rank,
            host=self.world.host,
            cpus=message.share.cpus,
            gpus=message.share.gpus,
            environment=settings.environment,
            preload=settings.preload,
            launcher=settings.launcher,
            leftovers=settings.resumed or self.channel.tolerates_faults,
        )
        worker = Worker(context, self.channel, self.runner, self.progress, settings.tasks_per_rank)
        self.progress.watch(worker.fileno(), worker.collect)
        self.progress.flush = worker.flush
        self.progress.programs.append(lambda: worker.runs_programs)
        return worker

    def _kernels(self, settings: m.Settings) -> KernelWarming:
        """The kernels that this rank will need, which it begins to compile."""
        kernels = KernelWarming(settings.root)
        if settings.metrics and self._serves_learners:
            kernels.start(settings.metrics)
        return kernels

    def _hang_doorbell(self, run: str, neighbours: tuple[int, ...]) -> None:
        if len(neighbours) > 1:
            doorbell = self._doorbell = Doorbell(run, self.world.rank, neighbours)
            self.progress.watch(doorbell.fileno(), doorbell.answer)
            self.channel.ring = doorbell.ring
        self.progress.woken = len(neighbours) == self.world.size

    def _beat(self) -> None:
        if not self._leaving:
            self.channel.send(COORDINATOR, Alive())
            self.progress.later(BEAT_SECONDS, self._beat)

    @property
    def _serves_learners(self) -> bool:
        return self.world.rank > 0 or self.world.size == 1

    def _deliver(self, rank: int, message: m.Message) -> None:
        handler = self.handlers.get(type(message))
        if handler:
            handler(rank, message)
        else:
            self._early.append((rank, message))

    def _goodbye(self) -> None:
        self._leaving = True
        if self._worker:
            self.progress.unwatch(self._worker.fileno())
            self._worker.close()
        self.runner.stop()
        self.progress.stop()


def _handlers(
    worker: Worker, leader: Leader, score_lead: ScoreLead, member: ScoreMember, wide: WideMember
) -> dict[type, Handler]:
    def take_ranks(owner: int, message: m.TakeRanks) -> None:
        leader.take_ranks(owner, message)
        score_lead.proceed()

    def inherit(_: int, message: Inherit) -> None:
        leader.inherit(message)
        score_lead.proceed()

    return {
        m.RunTask: worker.run,
        m.KillTask: lambda _, message: worker.kill(message),
        m.DropArrays: lambda _, message: worker.drop(message),
        m.TakeRanks: take_ranks,
        m.ReleaseRanks: lambda _, message: leader.release_ranks(message),
        m.RunStage: lambda _, message: leader.run_stage(message),
        m.CancelTasks: lambda _, message: leader.cancel(message),
        m.CloseLearner: lambda _, message: leader.close(message),
        m.TaskEnded: lambda _, message: leader.task_ended(message),
        m.TasksReturned: leader.tasks_returned,
        Inherit: inherit,
        Adopt: worker.adopt,
        TellAgain: worker.tell_again,
        KeepArrays: lambda _, message: worker.keep(message),
        AskLoan: lambda _, message: leader.ask_loan(message),
        Loan: leader.loan,
        RecallLoan: lambda _, message: leader.recall_loan(message),
        LoanOver: lambda _, message: leader.loan_over(message),
        m.PrepareScore: member.prepare,
        m.ScoreGo: lambda _, message: member.go(message),
        m.ScoreEnsemble: lambda _, message: score_lead.order(message),
        m.ScoreReady: score_lead.ready,
        m.MemberScored: score_lead.ended,
        PrepareTask: wide.prepare,
        TaskGo: wide.go,
        TaskReady: leader.wide.ready,
        PartEnded: leader.wide.ended,
    }
