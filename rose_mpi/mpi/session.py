"""A job from its first message to its last: rank 0 leads a session, the other ranks serve it."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from typing import Final

from rose_mpi.errors import LauncherError
from rose_mpi.events import Observer
from rose_mpi.execution.affinity import share_of_node
from rose_mpi.execution.gpus import share_of_gpus
from rose_mpi.execution.share import Share
from rose_mpi.mpi import messages as m
from rose_mpi.mpi.channel import COORDINATOR
from rose_mpi.mpi.coordinator import Coordinator
from rose_mpi.mpi.executor import MpiExecutor
from rose_mpi.mpi.failure import abort
from rose_mpi.mpi.loan_messages import LoanRefused, LoanReturned, LoansWanted
from rose_mpi.mpi.loss_messages import Census, Regroup
from rose_mpi.mpi.losses import Losses
from rose_mpi.mpi.node import Node
from rose_mpi.mpi.world import World
from rose_mpi.plan import RANK_TIMEOUT
from rose_mpi.scheduling.groups import check_group_size
from rose_mpi.tasks import Task

ARRIVAL_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 5.0
HELPING_SIZE: Final = 4
"""Up to this many ranks the coordinator's rank runs executables as well."""

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def serve(world: World, *, pass_signals: bool = False) -> None:
    """Serve as a rank other than 0 until the session ends.

    Parameters
    ----------
    pass_signals:
        Pass signals that ask for a stop on to the coordinator; in the main thread only.
    """
    node = Node(world)
    node.start()
    if pass_signals:
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: node.tell_coordinator(m.StopRequested()))
    try:
        node.runner.serve()
    except BaseException as error:
        abort(world, error)
    node.join()


class Session:
    """Rank 0's hold on all ranks.

    Parameters
    ----------
    on_stop:
        Called in the engine thread when a signal that asks for a stop reaches another rank.

    Raises
    ------
    LauncherError
        If ranks do not answer within a minute; it names them.
    """

    def __init__(self, world: World, on_stop: Callable[[], None]) -> None:
        self._node = Node(world)
        self._world = world
        self._hellos: dict[int, m.Hello] = {}
        self._all_here = threading.Event()
        self._coordinator: Coordinator | None = None
        self._runner: threading.Thread | None = None
        self._losses = Losses(self._node, self._hellos)
        handlers = self._node.handlers
        handlers[m.Hello] = self._hello
        handlers[m.StopRequested] = lambda *_: on_stop()
        self._node.start()
        if world.size == 1:
            self._runner = threading.Thread(target=self._serve, name="rose-functions", daemon=True)
            self._runner.start()
        self._await_all()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of each rank."""
        return tuple(self._hellos[rank].host for rank in range(self._world.size))

    def begin(
        self,
        settings: m.Settings,
        *,
        dedicated: bool,
        ranks_per_learner: int | None,
        observe: Observer,
        rank_timeout: float = RANK_TIMEOUT,
    ) -> MpiExecutor:
        """Tell all ranks what the run is; returns what learners run on.

        Parameters
        ----------
        dedicated:
            Keep this rank free of tasks, however few ranks there are.
        rank_timeout:
            Seconds without a sign of life after which a rank is given up.

        Raises
        ------
        UsageError
            If ``ranks_per_learner`` is larger than the number of ranks that serve learners.
        """
        learners = self._ranks_for_learners()
        check_group_size(len(learners), ranks_per_learner)
        helping = self._helps(dedicated)
        coordinator = self._coordinator = Coordinator(
            self._node.channel,
            learners,
            slots=settings.tasks_per_rank,
            ranks_per_learner=ranks_per_learner,
            helping=helping,
            policy=settings.policy,
            observe=observe,
            regroup=lambda message: self._node.handlers[Regroup](COORDINATOR, message),
        )
        self._node.handlers.update(
            {
                m.RanksTaken: coordinator.ranks_taken,
                m.TaskReport: lambda _, message: coordinator.task_report(message),
                m.TaskDropped: lambda _, message: coordinator.task_dropped(message),
                Census: coordinator.census,
                LoanRefused: coordinator.loan_refused,
                LoanReturned: coordinator.loan_returned,
                LoansWanted: lambda leader, _: coordinator.loans_wanted(leader),
                m.ScoreEnded: lambda _, message: coordinator.score_ended(message),
            }
        )
        if len(self._by_host()) == 1:
            self._node.progress.programs.append(lambda: coordinator.runs_programs)
        self._node.progress.post(lambda: self._welcome(settings, self._running(dedicated)))
        self._node.progress.post(coordinator.begin)
        self._node.progress.post(lambda: self._losses.watch(coordinator, rank_timeout))
        return MpiExecutor(coordinator, self._wish, settings.layout)

    def shortage(self, task: Task, *, dedicated: bool) -> str:
        """What a task asks for and does not get on every rank that may run it; empty if nothing."""
        running = self._running(dedicated)
        shares = self._shares(running)
        for rank in sorted(running):
            if shortage := shares[rank].shortage(task):
                return f"{shortage} (rank {rank} on {self._hellos[rank].host}): start fewer ranks on a host"
        return ""

    def settle(self, seconds: float = SETTLE_SECONDS) -> str:
        """End what nobody waits for, and wait until all has come to its end, but so many seconds at most.

        Returns what is still under way (a function that does not end, say); empty if nothing is.
        """
        if self._coordinator:
            self._wish(self._coordinator.cancel_all)
        deadline = time.monotonic() + seconds
        while (under_way := self._under_way()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return under_way

    def close(self) -> None:
        """Have all ranks leave; nothing may be under way."""
        self._node.progress.post(self._say_goodbye)
        self._node.join()
        if self._runner:
            self._runner.join()

    def _wish(self, wish: Callable[[], None]) -> None:
        """Pass on what learners wish; from any thread."""
        assert self._coordinator
        self._node.progress.post(partial(self._coordinator.carry_out, wish))

    def _under_way(self) -> str:
        """Asked in the engine thread, behind all that was posted before."""
        answer: Future[str] = Future()
        coordinator = self._coordinator
        self._node.progress.post(lambda: answer.set_result(coordinator.under_way if coordinator else ""))
        return answer.result()

    def _serve(self) -> None:
        try:
            self._node.runner.serve()
        except BaseException as error:
            abort(self._world, error)

    def _hello(self, rank: int, message: m.Hello) -> None:
        self._hellos[rank] = message
        if len(self._hellos) == self._world.size:
            self._all_here.set()

    def _await_all(self) -> None:
        if not self._all_here.wait(ARRIVAL_SECONDS):
            missing = sorted(set(range(self._world.size)) - self._hellos.keys())
            raise LauncherError(f"ranks {missing} have not answered within {ARRIVAL_SECONDS:.0f} s")

    def _ranks_for_learners(self) -> tuple[int, ...]:
        """All ranks but 0 (or 0 alone), those of one host side by side."""
        together = [rank for ranks in self._by_host().values() for rank in ranks]
        return tuple(rank for rank in together if rank) or (0,)

    def _by_host(self) -> dict[str, list[int]]:
        ranks: dict[str, list[int]] = {}
        for rank, host in enumerate(self.hosts):
            ranks.setdefault(host, []).append(rank)
        return ranks

    def _helps(self, dedicated: bool) -> bool:
        """Whether this rank runs executables beside its own work."""
        return 1 < self._world.size <= HELPING_SIZE and not dedicated

    def _running(self, dedicated: bool) -> frozenset[int]:
        """The ranks that run tasks."""
        learners = self._ranks_for_learners()
        return frozenset((0, *learners) if self._helps(dedicated) else learners)

    def _shares(self, running: Collection[int]) -> dict[int, Share]:
        """What of its node is each rank's."""
        shares = {}
        for ranks in self._by_host().values():
            peers = {rank: self._hellos[rank].share for rank in ranks if rank in running}
            cpus = [(rank, share.cpus) for rank, share in peers.items()]
            gpus = [(rank, share.gpus) for rank, share in peers.items()]
            for rank in ranks:
                seen = self._hellos[rank].share
                own = share_of_gpus(seen.gpus, gpus, rank)
                shares[rank] = Share(share_of_node(seen.cpus, cpus, rank), own)
        return shares

    def _welcome(self, settings: m.Settings, running: Collection[int]) -> None:
        shares = self._shares(running)
        for ranks in self._by_host().values():
            masks = Counter(self._hellos[rank].share.cpus for rank in ranks if rank in running)
            for rank in ranks:
                mask = self._hellos[rank].share.cpus
                threads = max(1, len(mask) // (masks[mask] or 1))
                self._node.channel.send(rank, m.Welcome(settings, shares[rank], threads, tuple(ranks)))

    def _say_goodbye(self) -> None:
        self._losses.leave()
        for rank in range(self._world.size):
            self._node.channel.send(rank, m.Goodbye())
