"""How a leader spreads the tasks of its learners over its ranks: events in, instructions out."""

from __future__ import annotations

from collections import OrderedDict
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
    """Return a borrowed ``rank`` to its ``owner``; ``unsuited`` if it may not run what waits."""

    rank: int
    owner: int
    unsuited: bool


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


@dataclass(frozen=True, slots=True)
class _Kind:
    """Tasks that wait in one queue: a learner's executables, or its functions."""

    learner: str
    functions: bool


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
        self._free = dict.fromkeys(ranks, slots)
        self._idle: OrderedDict[int, None] = OrderedDict.fromkeys(ranks)
        self._lent: dict[int, int] = {}
        self._to_call_back: set[int] = set()
        self._borrowed: dict[int, _Loan] = {}
        self._queues: OrderedDict[_Kind, OrderedDict[TaskId, _Waiting]] = OrderedDict()
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
        self._release(running.rank)
        return [Report(result, final=not again), *self._dispatch(running.rank)]

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
        if self._queues:
            return None
        rank = next((rank for rank in self._idle if rank in self._own and self._is_idle(rank)), None)
        if rank is None:
            return None
        self._remove(rank)
        self._lent[rank] = borrower
        self._to_call_back.add(rank)
        return Lend(rank, borrower)

    def borrow(self, rank: int, owner: int, functions: bool) -> list[Instruction]:
        """Use another group's rank for as long as tasks wait for it."""
        self._borrowed[rank] = _Loan(owner, functions)
        self._add(rank)
        return self._dispatch(rank)

    def recall(self, rank: int) -> list[Instruction]:
        """Return a borrowed rank when its present tasks end."""
        if rank in self._borrowed:
            self._borrowed[rank].recalled = True
        return self._dispatch(rank)

    def take_back(self, rank: int) -> list[Instruction]:
        """Use a lent rank again."""
        del self._lent[rank]
        self._to_call_back.discard(rank)
        self._add(rank)
        return self._dispatch()

    def _enqueue(self, waiting: _Waiting, first: bool) -> None:
        kind = _kind(waiting.call)
        queue = self._queues.setdefault(kind, OrderedDict())
        queue[waiting.call.id] = waiting
        if first:
            queue.move_to_end(waiting.call.id, last=False)

    def _dequeue(self, task: TaskId) -> bool:
        for functions in (False, True):
            kind = _Kind(task.learner, functions)
            if task in self._queues.get(kind, ()):
                del self._queues[kind][task]
                self._forget_if_empty(kind)
                return True
        return False

    def _dispatch(self, changed: int | None = None) -> list[Instruction]:
        """Fill the idle ranks; ``changed`` is the rank that may be idle now and have to go back."""
        instructions: list[Instruction] = []
        for rank in list(self._idle) if self._queues else ():
            while rank in self._idle and (waiting := self._next_for(rank)):
                instructions.append(self._start(rank, waiting))
            if not self._queues:
                break
        return instructions + self._give_back(changed) + self._call_back()

    def _start(self, rank: int, waiting: _Waiting) -> Run:
        self._running[waiting.call.id] = _Running(rank, waiting.call, waiting.attempt)
        self._free[rank] -= 1
        if not self._free[rank]:
            del self._idle[rank]
        return Run(rank, waiting.call, waiting.attempt, waiting.queued, keep=rank in self._own)

    def _next_for(self, rank: int) -> _Waiting | None:
        """The next task for a rank, of the learner whose turn has not come for longest."""
        loan = self._borrowed.get(rank)
        if loan and loan.recalled:
            return None
        functions = loan.functions if loan else self._functions
        kind = next((kind for kind in self._queues if functions or not kind.functions), None)
        if kind is None:
            return None
        _, waiting = self._queues[kind].popitem(last=False)
        self._queues.move_to_end(kind)
        self._forget_if_empty(kind)
        return waiting

    def _forget_if_empty(self, kind: _Kind) -> None:
        if not self._queues[kind]:
            del self._queues[kind]

    def _give_back(self, rank: int | None) -> list[Instruction]:
        if rank not in self._borrowed or not self._is_idle(rank):
            return []
        self._remove(rank)
        loan = self._borrowed.pop(rank)
        unsuited = bool(self._queues) and not loan.recalled
        return [GiveBack(rank, loan.owner, unsuited)]

    def _call_back(self) -> list[Instruction]:
        if not (self._queues and self._to_call_back):
            return []
        wanted, self._to_call_back = sorted(self._to_call_back), set()
        return [Recall(rank, self._lent[rank]) for rank in wanted]

    def _add(self, rank: int) -> None:
        self._free[rank] = self._slots
        self._idle[rank] = None

    def _release(self, rank: int) -> None:
        self._free[rank] += 1
        self._idle[rank] = None

    def _is_idle(self, rank: int) -> bool:
        return self._free[rank] == self._slots

    def _remove(self, rank: int) -> None:
        del self._free[rank]
        del self._idle[rank]

    @staticmethod
    def _repeats(running: _Running, result: TaskResult) -> bool:
        failed = result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT)
        return failed and not running.cancelled and running.attempt < running.call.work.retries


def _kind(call: TaskCall) -> _Kind:
    return _Kind(call.id.learner, isinstance(call.work, Function))
