"""Tasks that wait for ranks: each learner's in their order, the learners by turns unless told otherwise."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from rose_mpi.policy import Order
from rose_mpi.tasks import TaskCall, TaskId, runs_in_rank


@dataclass(slots=True)
class Waiting:
    """An attempt of a task that has not begun.

    Attributes
    ----------
    is_function:
        Whether it runs on the main thread of its ranks.
    """

    call: TaskCall
    attempt: int
    queued: float
    is_function: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_function = runs_in_rank(self.call.work)


class _Kind(NamedTuple):
    """Tasks that wait in one queue: executables or functions of a learner, of all if it has no name."""

    learner: str
    functions: bool


class Turns:
    """Queues of waiting tasks.

    Parameters
    ----------
    order:
        Whether learners take turns.

    Attributes
    ----------
    waiting:
        How many tasks wait.
    functions:
        How many of them are functions.
    """

    def __init__(self, order: Order) -> None:
        self.waiting = 0
        self.functions = 0
        self._fair = order is Order.FAIR
        self._queues: OrderedDict[_Kind, OrderedDict[TaskId, Waiting]] = OrderedDict()

    def add(self, waiting: Waiting, first: bool) -> None:
        """Let a task wait behind those of its learner, or before them."""
        kind = self._kind(waiting.call.id, waiting.is_function)
        queue = self._queues.setdefault(kind, OrderedDict())
        queue[waiting.call.id] = waiting
        if first:
            queue.move_to_end(waiting.call.id, last=False)
        self.waiting += 1
        self.functions += waiting.is_function

    def remove(self, task: TaskId) -> bool:
        """Forget a task; whether it was waiting here."""
        for functions in (False, True):
            kind = self._kind(task, functions)
            if task in self._queues.get(kind, ()):
                del self._queues[kind][task]
                self._forget_if_empty(kind)
                self.waiting -= 1
                self.functions -= functions
                return True
        return False

    @property
    def first(self) -> Waiting:
        """The task whose turn it is; one must wait."""
        return _first(next(iter(self._queues.values())))

    def next(self, wanted: Callable[[Waiting], bool]) -> Waiting | None:
        """Take the next task, of the learner whose turn has not come for longest.

        Parameters
        ----------
        wanted:
            Whether a task can be taken; asked for the first of each queue.
        """
        kind = self._next_kind(wanted)
        if kind is None:
            return None
        _, waiting = self._queues[kind].popitem(last=False)
        self._queues.move_to_end(kind)
        self._forget_if_empty(kind)
        self.waiting -= 1
        self.functions -= waiting.is_function
        return waiting

    def _next_kind(self, wanted: Callable[[Waiting], bool]) -> _Kind | None:
        for kind, queue in self._queues.items():
            if wanted(_first(queue)):
                return kind
        return None

    def _kind(self, task: TaskId, functions: bool) -> _Kind:
        return _Kind(task.learner if self._fair else "", functions)

    def _forget_if_empty(self, kind: _Kind) -> None:
        if not self._queues[kind]:
            del self._queues[kind]


def _first(queue: OrderedDict[TaskId, Waiting]) -> Waiting:
    return next(iter(queue.values()))
