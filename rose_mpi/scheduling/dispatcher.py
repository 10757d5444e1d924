"""How a leader spreads the tasks of its learners over its ranks: events in, instructions out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rose_mpi.scheduling.gathering import WideTasks
from rose_mpi.scheduling.instructions import (
    Discard,
    Drop,
    GiveBack,
    HandOver,
    Instruction,
    Kill,
    Lend,
    Recall,
    Report,
    Run,
    RunTogether,
)
from rose_mpi.scheduling.roster import Loan, Roster
from rose_mpi.scheduling.turns import Turns, Waiting
from rose_mpi.tasks import RankArray, TaskCall, TaskId, TaskResult, TaskStatus


@dataclass(slots=True)
class _Running:
    ranks: tuple[int, ...]
    task: Waiting
    cancelled: bool = False


class Dispatcher:
    """Keeps every rank busy, takes learners in turn, borrows and lends ranks, and gives ranks away.

    It begins without ranks; they come and go one by one, without anything being stopped.

    Parameters
    ----------
    slots:
        Tasks that a rank runs at a time.
    functions:
        Whether the own ranks may run Python functions (the coordinator's rank may not).
    """

    def __init__(self, slots: int, functions: bool = True) -> None:
        self._roster = Roster(slots)
        self._functions = functions
        self._turns = Turns()
        self._wide = WideTasks(self._roster)
        self._running: dict[TaskId, _Running] = {}
        self._kept: dict[str, dict[RankArray, None]] = {}

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
        return [*self._recall(ranks), *self._hand_over(ranks)]

    def submit(self, calls: Iterable[TaskCall], now: float) -> list[Instruction]:
        """Take the tasks of a stage."""
        for call in calls:
            self._enqueue(Waiting(call, 0, now), first=False)
        return self._dispatch()

    def finished(self, result: TaskResult, now: float) -> list[Instruction]:
        """Note that an attempt ended: report it, repeat it if it may be, and use the rank again."""
        running = self._running.pop(result.id)
        again = self._repeats(running, result)
        if again:
            self._enqueue(Waiting(running.task.call, running.task.attempt + 1, now), first=True)
        instructions: list[Instruction] = [Report(result, final=not again)]
        if isinstance(result.value, RankArray):
            instructions += self._keep(result.value, running)
        for rank in running.ranks:
            self._roster.vacate(rank, running.task.is_function)
        if len(running.ranks) > 1:
            self._wide.ended(running.task, running.ranks)
        return [*instructions, *self._dispatch(running.ranks)]

    def cancel(self, tasks: Iterable[TaskId]) -> list[Instruction]:
        """End tasks: waiting ones are dropped, running ones are killed and reported later."""
        instructions: list[Instruction] = []
        for task in tasks:
            running = self._running.get(task)
            if running:
                running.cancelled = True
                instructions.append(Kill(running.ranks[0], task, running.task.attempt))
            elif self._turns.remove(task) or self._wide.remove(task):
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
        kept = self._kept.get(learner, {})
        wanted = tuple(arrays)
        missing = next((array for array in wanted if array not in kept), None)
        if missing is None:
            for array in wanted:
                del kept[array]
        return missing

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
        return self._hand_over(ranks)

    def close(self, learner: str) -> list[Instruction]:
        """A learner is over: what was kept for it will not be scored."""
        keys: dict[int, list[str]] = {}
        for array in self._kept.pop(learner, {}):
            keys.setdefault(array.rank, []).append(array.key)
            self._roster.let_go(array.rank)
        discards = [Discard(rank, tuple(those)) for rank, those in keys.items()]
        return [*discards, *self._hand_over(keys)]

    @property
    def _something_waits(self) -> bool:
        return self._turns.waiting + self._wide.waiting > 0

    def _enqueue(self, waiting: Waiting, first: bool) -> None:
        tasks = self._turns if waiting.call.work.ranks == 1 else self._wide
        tasks.add(waiting, first)

    def _keep(self, array: RankArray, running: _Running) -> list[Instruction]:
        """Remember where an array is, if anybody still wants it."""
        if running.cancelled:
            return [Discard(array.rank, (array.key,))]
        self._kept.setdefault(running.task.call.id.learner, {})[array] = None
        self._roster.hold(array.rank)
        return []

    def _dispatch(self, changed: Collection[int] = ()) -> list[Instruction]:
        """Fill the ranks that are ready; ``changed`` are those that may be idle now and have to go."""
        instructions = self._start_wide() if self._wide.waiting else []
        ready = self._roster.ready
        for rank in list(ready) if self._turns.waiting else ():
            while rank in ready and (waiting := self._next_for(rank)):
                instructions.append(self._start(rank, waiting))
                if self._wide.waiting and not self._wide.gathers:
                    instructions += self._start_wide()
            if not self._turns.waiting:
                break
        instructions += self._give_back(changed)
        instructions += self._hand_over(changed)
        if self._something_waits:
            instructions += self._recall(self._roster.not_recalled)
        return instructions

    def _start(self, rank: int, waiting: Waiting) -> Run:
        self._running[waiting.call.id] = _Running((rank,), waiting)
        self._roster.occupy(rank, waiting.is_function)
        if self._wide.owed:
            self._wide.owed -= 1
        keep = rank in self._roster.own
        return Run(rank, waiting.call, waiting.attempt, waiting.queued, keep)

    def _start_wide(self) -> list[Instruction]:
        """Begin those tasks of several ranks that have them."""
        started: list[Instruction] = []
        while self._wide.waiting and (gathered := self._wide.gather(self._turns.waiting > 0)):
            waiting, ranks = gathered
            self._running[waiting.call.id] = _Running(ranks, waiting)
            started.append(RunTogether(ranks, waiting.call, waiting.attempt, waiting.queued))
        return started

    def _next_for(self, rank: int) -> Waiting | None:
        """The next task for a rank."""
        loan = self._roster.borrowed.get(rank)
        functions = loan.functions if loan else self._functions and not self._wide.bars(rank)
        return self._turns.next(functions)

    def _give_back(self, ranks: Iterable[int]) -> list[Instruction]:
        instructions: list[Instruction] = []
        for rank in ranks:
            if rank in self._roster.borrowed and self._roster.is_idle(rank):
                loan = self._roster.give_back(rank)
                unsuited = self._something_waits and not loan.recalled
                instructions.append(GiveBack(rank, loan.owner, unsuited))
        return instructions

    def _hand_over(self, ranks: Iterable[int]) -> list[Instruction]:
        leaving: dict[int, list[int]] = {}
        for rank in ranks:
            to = self._roster.depart(rank)
            if to is not None:
                leaving.setdefault(to, []).append(rank)
        return [HandOver(tuple(those), to) for to, those in leaving.items()]

    def _recall(self, ranks: Iterable[int]) -> list[Instruction]:
        borrowers = ((rank, self._roster.recall(rank)) for rank in ranks)
        return [Recall(rank, borrower) for rank, borrower in borrowers if borrower is not None]

    @staticmethod
    def _repeats(running: _Running, result: TaskResult) -> bool:
        failed = result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT)
        task = running.task
        return failed and not running.cancelled and task.attempt < task.call.work.retries
