"""How a leader spreads the tasks of its learners over its ranks: events in, instructions out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rose_mpi.policy import DEFAULT, Policy
from rose_mpi.scheduling.backlog import Backlogs
from rose_mpi.scheduling.departures import hand_over, recall
from rose_mpi.scheduling.gathering import WideTasks
from rose_mpi.scheduling.inheritance import take_over
from rose_mpi.scheduling.instructions import (
    Delay,
    Discard,
    Drop,
    Instruction,
    Kill,
    Lend,
    Report,
    Run,
    RunTogether,
)
from rose_mpi.scheduling.kept_arrays import KeptArrays
from rose_mpi.scheduling.loan import Loan
from rose_mpi.scheduling.rebuilding import Estate
from rose_mpi.scheduling.retries import Retries
from rose_mpi.scheduling.returning import Returning
from rose_mpi.scheduling.roster import Roster
from rose_mpi.scheduling.running import Running
from rose_mpi.scheduling.suiting import Suiting
from rose_mpi.scheduling.turns import Turns, Waiting
from rose_mpi.tasks import RankArray, TaskCall, TaskId, TaskResult, TaskStatus


class Dispatcher:
    """Keeps every rank busy, takes learners in turn, borrows and lends ranks, and gives ranks away.

    It begins without ranks; they come and go one by one, without anything being stopped.

    Parameters
    ----------
    slots:
        Tasks that a rank runs at a time.
    functions:
        Whether the own ranks may run Python functions (the coordinator's rank may not).
    home:
        The leader's own rank, if it has one: the nearest for short tasks, and the last to be kept from
        leading by a long function.
    policy:
        Which tasks come first, and how soon failed ones are repeated.
    """

    def __init__(
        self, slots: int, functions: bool = True, home: int | None = None, policy: Policy = DEFAULT
    ) -> None:
        self._roster = Roster(slots)
        self._home = home
        self._turns = Turns(policy.order)
        self._wide = WideTasks(self._roster, policy.order)
        self._retries = Retries(policy.retry_delay)
        self._backlogs = Backlogs(slots)
        self._returning = Returning(self._roster, self._backlogs, self._retries)
        self._learners: set[str] = set()
        self._suiting = Suiting(
            self._turns, self._roster, self._backlogs, self._wide, functions, self._learners
        )
        self._running: dict[TaskId, Running] = {}
        self._kept = KeptArrays(self._roster)

    def take(self, ranks: Iterable[int]) -> list[Instruction]:
        """Use ranks that belong to this leader from now on."""
        arrived = tuple(ranks)
        for rank in arrived:
            self._roster.take(rank)
        return self._dispatch(arrived)

    def release(self, ranks: Collection[int], to: int) -> list[Instruction]:
        """Give ranks away, each as soon as it is idle and nothing on it is needed here any more."""
        for rank in ranks:
            self._roster.order_away(rank, to)
            self._wide.leave(rank)
        return [*recall(self._roster, ranks), *hand_over(self._roster, ranks)]

    def submit(self, calls: Iterable[TaskCall], now: float) -> list[Instruction]:
        """Take the tasks of a stage."""
        for call in calls:
            self._enqueue(Waiting(call, 0, now), first=False)
        return self._dispatch(self._backlogs.ranks)

    def inherit(self, estate: Estate, now: float) -> list[Instruction]:
        """Begin with what survived the loss of other ranks."""
        take_over(estate, self._roster, self._kept, self._backlogs, self._running)
        self._learners.update(each.call.id.learner for each in estate.running)
        for call, attempt in estate.waiting:
            self._enqueue(Waiting(call, attempt, now), first=False)
        return [*recall(self._roster, estate.leaving), *self._dispatch(estate.at_hand())]

    def finished(self, results: Iterable[TaskResult], now: float) -> list[Instruction]:
        """Note that attempts ended: report them, repeat those that may be, and use their ranks again."""
        reports: list[Instruction] = []
        more: list[Instruction] = []
        freed: dict[int, None] = {}
        for result in results:
            running = self._running.pop(result.id)
            again = self._retries.after(running, result, now)
            reports.append(Report(result, final=again is None))
            if again:
                more += self._repeat(again)
            if isinstance(result.value, RankArray):
                more += self._keep(result.value, running)
            self._learn(running, result)
            self._free(running)
            freed.update(dict.fromkeys(running.ranks))
        return [*reports, *more, *self._dispatch(freed)]

    def repeat(self, task: TaskId) -> list[Instruction]:
        """Begin an attempt that was delayed, unless it has been cancelled."""
        waiting = self._retries.take(task)
        if waiting is None:
            return []
        self._enqueue(waiting, first=True)
        return [*self._dispatch(), *self._returning.want_again(self._something_waits)]

    def returned(self, rank: int, tasks: Sequence[TaskId]) -> list[Instruction]:
        """A rank gives back tasks that waited there longer than expected, in their order."""
        instructions: list[Instruction] = []
        for task in reversed(tasks):
            running = self._running.pop(task)
            self._free(running)
            if running.ranks:
                self._backlogs.of(running.task.is_function).note_late(rank)
            if running.cancelled:
                instructions.append(Drop(task))
            else:
                self._enqueue(running.task, first=True)
        instructions += self._dispatch((rank,))
        return [*instructions, *self._returning.want_again(self._something_waits)]

    def cancel(self, tasks: Iterable[TaskId]) -> list[Instruction]:
        """End tasks: waiting ones are dropped, running ones are killed and reported later."""
        instructions: list[Instruction] = []
        for task in tasks:
            running = self._running.get(task)
            if running:
                running.cancelled = True
                instructions += [Kill(rank, task, running.task.attempt) for rank in running.ranks[:1]]
            elif self._turns.remove(task) or self._wide.remove(task) or self._retries.take(task):
                instructions.append(Drop(task))
        return [*instructions, *self._dispatch()]

    def lend(self, borrower: int) -> Lend | None:
        """Give up an idle own rank for another leader; ``None`` if there is none to spare."""
        if self._something_waits:
            return None
        rank = self._roster.lend(borrower)
        return None if rank is None else Lend(rank, borrower)

    def borrow(self, rank: int, owner: int, functions: bool) -> list[Instruction]:
        """Use another group's rank for as long as tasks wait for it."""
        self._roster.borrow(rank, Loan(owner, functions))
        return self._dispatch((rank,))

    def recall(self, rank: int) -> list[Instruction]:
        """Return a borrowed rank when its present tasks end."""
        self._roster.end_loan(rank)
        return self._dispatch((rank,))

    def take_back(self, rank: int) -> list[Instruction]:
        """Use a lent rank again."""
        self._roster.take_back(rank)
        return self._dispatch((rank,))

    def claim(self, learner: str, arrays: Iterable[RankArray]) -> RankArray | None:
        """Keep arrays until they are scored; returns the first that is not here, and keeps none then."""
        return self._kept.claim(learner, arrays)

    def begin_scoring(self, arrays: Iterable[RankArray]) -> tuple[int, ...]:
        """The ranks that score claimed arrays together, and stay until then; none if none has come yet."""
        ranks = {*self._roster.staying(), *(array.rank for array in arrays)}
        for rank in ranks:
            self._roster.hold(rank)
        return tuple(sorted(ranks))

    def end_scoring(self, ranks: Collection[int], arrays: Iterable[RankArray]) -> list[Instruction]:
        """The ranks have scored the arrays, and let go of them."""
        for rank in (*ranks, *(array.rank for array in arrays)):
            self._roster.let_go(rank)
        return hand_over(self._roster, ranks)

    def close(self, learner: str) -> list[Instruction]:
        """A learner is over: what was kept for it will not be scored."""
        self._learners.discard(learner)
        keys = self._kept.forget(learner)
        discards = [Discard(rank, those) for rank, those in keys.items()]
        return [*discards, *hand_over(self._roster, keys)]

    @property
    def _something_waits(self) -> bool:
        return self._turns.waiting + self._wide.waiting > 0

    def _enqueue(self, waiting: Waiting, first: bool) -> None:
        self._learners.add(waiting.call.id.learner)
        tasks = self._turns if waiting.call.work.ranks == 1 else self._wide
        tasks.add(waiting, first)

    def _repeat(self, waiting: Waiting) -> list[Instruction]:
        seconds = self._retries.delay(waiting)
        if seconds:
            return [Delay(waiting.call.id, seconds)]
        self._enqueue(waiting, first=True)
        return []

    def _keep(self, array: RankArray, running: Running) -> list[Instruction]:
        """Remember where an array is, if anybody still wants it."""
        if running.cancelled:
            return [Discard(array.rank, (array.key,))]
        self._kept.add(running.task.call.id.learner, array)
        return []

    def _dispatch(self, changed: Collection[int] = ()) -> list[Instruction]:
        """Fill the ranks that are ready; ``changed`` are those that may be idle or have room for more now."""
        instructions = self._start_wide() if self._wide.waiting else []
        begun: dict[int, None] = {}
        for rank in self._by_preference() if self._turns.waiting else ():
            if rank in self._roster.ready and (waiting := self._suiting.next_now(rank)):
                begun[rank] = None
                instructions.append(self._start(rank, waiting))
                if self._wide.waiting and not self._wide.gathers:
                    instructions += self._start_wide()
            if not self._turns.waiting:
                break
        if self._turns.waiting:
            instructions += self._queue({**dict.fromkeys(changed), **begun})
        instructions += self._returning.give_back(changed, self._something_waits)
        instructions += hand_over(self._roster, changed)
        if self._something_waits:
            instructions += recall(self._roster, self._roster.not_recalled)
        return instructions

    def _by_preference(self) -> list[int]:
        """The ranks that are ready; a long function would keep the own one from leading."""
        first = self._turns.first
        lasts = first.is_function and not self._backlogs.of(first.is_function).is_short(first.call)
        return self._roster.by_preference(self._home, last=lasts)

    def _queue(self, ranks: Iterable[int]) -> list[Instruction]:
        """Let short tasks wait on ranks that run some of their kind, by turns, the ranks' share at most."""
        instructions: list[Instruction] = []
        share = -(-self._turns.waiting // max(1, self._roster.at_hand))
        for _ in range(share):
            ranks = [rank for rank in ranks if self._suiting.has_room(rank)]
            begun = [self._queue_on(rank) for rank in ranks]
            instructions += filter(None, begun)
            if not any(begun):
                break
        return instructions

    def _queue_on(self, rank: int) -> Run | None:
        waiting = self._suiting.next_later(rank)
        return self._start(rank, waiting, waits=True) if waiting else None

    def _start(self, rank: int, waiting: Waiting, *, waits: bool = False) -> Run:
        expected = self._backlogs.of(waiting.is_function).give(rank, waiting.call)
        self._running[waiting.call.id] = Running((rank,), waiting, expected)
        self._roster.occupy(rank, waiting.is_function)
        if self._wide.owed:
            self._wide.owed -= 1
        loan = self._roster.borrowed.get(rank)
        if loan:
            loan.used = True
        return Run(rank, waiting.call, waiting.attempt, waiting.queued, keep=loan is None, waits=waits)

    def _learn(self, running: Running, result: TaskResult) -> None:
        """Note what the end of an attempt tells about those to come."""
        if len(running.ranks) > 1:
            self._wide.ended(running.task, running.ranks)
        elif running.ranks and result.status is not TaskStatus.CANCELLED:
            call = running.task.call
            self._backlogs.of(running.task.is_function).ended(
                running.ranks[0], call, result.finished - result.started
            )

    def _free(self, running: Running) -> None:
        """The ranks of a task are at hand again."""
        for rank in running.ranks:
            self._roster.vacate(rank, running.task.is_function)
        if len(running.ranks) == 1:
            self._backlogs.of(running.task.is_function).take(running.ranks[0], running.expected)

    def _start_wide(self) -> list[Instruction]:
        """Begin those tasks of several ranks that have them."""
        started: list[Instruction] = []
        while self._wide.waiting and (gathered := self._wide.gather(self._turns.waiting > 0)):
            waiting, ranks = gathered
            self._running[waiting.call.id] = Running(ranks, waiting)
            started.append(RunTogether(ranks, waiting.call, waiting.attempt, waiting.queued))
        return started
