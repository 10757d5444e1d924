"""How a leader spreads the tasks of its learners over its ranks: events in, instructions out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rose_mpi.tasks import Function, TaskCall, TaskId, TaskResult, TaskStatus


@dataclass(frozen=True, slots=True)
class Run:
    """Run an attempt of a task on ``rank``; its arrays may stay there if ``keep``."""

    rank: int
    call: TaskCall
    attempt: int
    queued: float
    keep: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the coordinator of an attempt; ``final`` if no other will follow."""

    result: TaskResult
    final: bool


@dataclass(frozen=True, slots=True)
class Kill:
    """End an attempt that runs on ``rank``."""

    rank: int
    task: TaskId
    attempt: int


@dataclass(frozen=True, slots=True)
class Lend:
    """Hand the own idle ``rank`` to the leader ``borrower``."""

    rank: int
    borrower: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Return a borrowed ``rank`` to its ``owner``."""

    rank: int
    owner: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask ``borrower`` to return ``rank`` when its present task ends."""

    rank: int
    borrower: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Tell the coordinator that a waiting task will not run."""

    task: TaskId


Instruction = Run | Report | Drop | Kill | Lend | GiveBack | Recall


@dataclass(slots=True)
class _Waiting:
    call: TaskCall
    attempt: int
    queued: float


@dataclass(slots=True)
class _Running:
    rank: int
    call: TaskCall
    attempt: int
    cancelled: bool = False


@dataclass(slots=True)
class _Loan:
    owner: int
    functions: bool
    recalled: bool = False


class Dispatcher:
    """Keeps every rank busy, takes learners in turn, borrows and lends ranks.

    Parameters
    ----------
    ranks:
        The group's own ranks.
    slots:
        Tasks that a rank runs at a time.
    functions:
        Whether the own ranks may run Python functions (the coordinator's rank may not).
    """

    def __init__(self, ranks: Sequence[int], slots: int, functions: bool = True) -> None:
        self._own = frozenset(ranks)
        self._slots = slots
        self._functions = functions
        self._idle: deque[int] = deque(rank for _ in range(slots) for rank in ranks)
        self._lent: dict[int, int] = {}
        self._called_back: set[int] = set()
        self._borrowed: dict[int, _Loan] = {}
        self._queues: dict[str, deque[_Waiting]] = {}
        self._turns: deque[str] = deque()
        self._waiting = 0
        self._running: dict[TaskId, _Running] = {}

    def submit(self, calls: Iterable[TaskCall], now: float) -> list[Instruction]:
        """Take the tasks of a stage."""
        for call in calls:
            self._enqueue(_Waiting(call, 0, now), first=False)
        return self._dispatch()

    def finished(self, result: TaskResult, now: float) -> list[Instruction]:
        """Note that an attempt ended: report it, repeat it if it may be, and use the rank again."""
        running = self._running.pop(result.id)
        again = self._repeats(running, result)
        if again:
            self._enqueue(_Waiting(running.call, running.attempt + 1, now), first=True)
        self._idle.append(running.rank)
        return [Report(result, final=not again), *self._dispatch()]

    def cancel(self, tasks: Iterable[TaskId]) -> list[Instruction]:
        """End tasks: waiting ones are dropped, running ones are killed and reported later."""
        instructions: list[Instruction] = []
        for task in tasks:
            running = self._running.get(task)
            if running:
                running.cancelled = True
                instructions.append(Kill(running.rank, task, running.attempt))
            elif self._dequeue(task):
                instructions.append(Drop(task))
        return instructions

    def lend(self, borrower: int) -> Lend | None:
        """Give up an idle own rank for another leader; ``None`` if there is none to spare."""
        if self._waiting:
            return None
        for rank in self._idle:
            if rank in self._own and self._all_idle(rank):
                self._remove(rank)
                self._lent[rank] = borrower
                return Lend(rank, borrower)
        return None

    def borrow(self, rank: int, owner: int, functions: bool) -> list[Instruction]:
        """Use another group's rank for as long as tasks wait for it."""
        self._borrowed[rank] = _Loan(owner, functions)
        self._idle.extend([rank] * self._slots)
        return self._dispatch()

    def recall(self, rank: int) -> list[Instruction]:
        """Return a borrowed rank when its present tasks end."""
        if rank in self._borrowed:
            self._borrowed[rank].recalled = True
        return self._dispatch()

    def take_back(self, rank: int) -> list[Instruction]:
        """Use a lent rank again."""
        del self._lent[rank]
        self._called_back.discard(rank)
        self._idle.extend([rank] * self._slots)
        return self._dispatch()

    def _enqueue(self, waiting: _Waiting, first: bool) -> None:
        learner = waiting.call.id.learner
        if learner not in self._queues:
            self._queues[learner] = deque()
            self._turns.appendleft(learner)
        queue = self._queues[learner]
        queue.insert(0 if first else len(queue), waiting)
        self._waiting += 1

    def _dequeue(self, task: TaskId) -> bool:
        queue = self._queues.get(task.learner, deque())
        found = next((waiting for waiting in queue if waiting.call.id == task), None)
        if found:
            queue.remove(found)
            self._waiting -= 1
        return found is not None

    def _dispatch(self) -> list[Instruction]:
        instructions: list[Instruction] = []
        for _ in range(len(self._idle)):
            if not self._waiting:
                break
            rank = self._idle.popleft()
            waiting = self._next_for(rank)
            if waiting is None:
                self._idle.append(rank)
                continue
            self._running[waiting.call.id] = _Running(rank, waiting.call, waiting.attempt)
            keep = rank in self._own
            instructions.append(Run(rank, waiting.call, waiting.attempt, waiting.queued, keep))
        return instructions + self._give_back() + self._call_back()

    def _next_for(self, rank: int) -> _Waiting | None:
        loan = self._borrowed.get(rank)
        if loan and loan.recalled:
            return None
        functions = loan.functions if loan else self._functions
        for _ in range(len(self._turns)):
            learner = self._turns[0]
            self._turns.rotate(-1)
            queue = self._queues[learner]
            if queue and (functions or not isinstance(queue[0].call.work, Function)):
                self._waiting -= 1
                return queue.popleft()
        return None

    def _give_back(self) -> list[Instruction]:
        idle = [rank for rank in self._borrowed if self._all_idle(rank)]
        for rank in idle:
            self._remove(rank)
        return [GiveBack(rank, self._borrowed.pop(rank).owner) for rank in idle]

    def _call_back(self) -> list[Instruction]:
        if not self._waiting:
            return []
        wanted = self._lent.keys() - self._called_back
        self._called_back |= wanted
        return [Recall(rank, self._lent[rank]) for rank in sorted(wanted)]

    def _all_idle(self, rank: int) -> bool:
        return self._idle.count(rank) == self._slots

    def _remove(self, rank: int) -> None:
        self._idle = deque(other for other in self._idle if other != rank)

    @staticmethod
    def _repeats(running: _Running, result: TaskResult) -> bool:
        failed = result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT)
        return failed and not running.cancelled and running.attempt < running.call.work.retries
