"""Tasks that wait for ranks: each learner's in their order, the learners by turns unless told otherwise."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rose_mpi.policy import Order
from rose_mpi.tasks import TaskCall, TaskId, runs_in_rank


@dataclass(slots=True)
class Waiting:
    """An attempt of a task that has not begun.

    Attributes
    ----------
    is_function:
        Whether it runs on the main thread of its ranks.
    place:
        Smaller than those of the tasks that it is before.
    """

    call: TaskCall
    attempt: int
    queued: float
    is_function: bool = field(init=False)
    place: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.is_function = runs_in_rank(self.call.work)


class _Queue:
    """What waits of one learner, or of all: programs and functions apart, for not every rank takes both."""

    def __init__(self) -> None:
        self.programs: OrderedDict[TaskId, Waiting] = OrderedDict()
        self.functions: OrderedDict[TaskId, Waiting] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self.programs or self.functions)

    def of(self, functions: bool) -> OrderedDict[TaskId, Waiting]:
        """Those of one kind."""
        return self.functions if functions else self.programs

    def firsts(self) -> tuple[Waiting, ...]:
        """The first of each kind, that which is before the other first; some must wait."""
        if not self.functions:
            return (_first(self.programs),)
        if not self.programs:
            return (_first(self.functions),)
        program, function = _first(self.programs), _first(self.functions)
        return (program, function) if program.place < function.place else (function, program)


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
        self._queues: OrderedDict[str, _Queue] = OrderedDict()
        self._last = 0
        self._before = 0

    def add(self, waiting: Waiting, first: bool) -> None:
        """Let a task wait behind those of its learner, or before them."""
        learner = self._learner(waiting.call.id)
        queue = self._queues.get(learner)
        if queue is None:
            queue = self._queues[learner] = _Queue()
        tasks = queue.of(waiting.is_function)
        tasks[waiting.call.id] = waiting
        if first:
            tasks.move_to_end(waiting.call.id, last=False)
            self._before -= 1
            waiting.place = self._before
        else:
            self._last += 1
            waiting.place = self._last
        self.waiting += 1
        self.functions += waiting.is_function

    def remove(self, task: TaskId) -> bool:
        """Forget a task; whether it was waiting here."""
        learner = self._learner(task)
        queue = self._queues.get(learner)
        if queue is None:
            return False
        waiting = queue.programs.pop(task, None) or queue.functions.pop(task, None)
        if waiting is None:
            return False
        self._gone(learner, waiting)
        return True

    @property
    def first(self) -> Waiting:
        """The task whose turn it is; one must wait."""
        return next(iter(self._queues.values())).firsts()[0]

    def next(self, wanted: Callable[[Waiting], bool]) -> Waiting | None:
        """Take the next task, of the learner whose turn has not come for longest.

        Parameters
        ----------
        wanted:
            Whether a task can be taken; asked for the first program and the first function of each learner.
        """
        for learner, queue in self._queues.items():
            for waiting in queue.firsts():
                if wanted(waiting):
                    del queue.of(waiting.is_function)[waiting.call.id]
                    self._queues.move_to_end(learner)
                    self._gone(learner, waiting)
                    return waiting
        return None

    def _gone(self, learner: str, waiting: Waiting) -> None:
        if not self._queues[learner]:
            del self._queues[learner]
        self.waiting -= 1
        self.functions -= waiting.is_function

    def _learner(self, task: TaskId) -> str:
        return task.learner if self._fair else ""


def _first(queue: OrderedDict[TaskId, Waiting]) -> Waiting:
    return next(iter(queue.values()))
