"""A learner whose loop is the user's own: a body that calls tasks as it likes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from rose_mpi.errors import RoseError, TaskError
from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted, StopReason
from rose_mpi.execution.pickled import python_value
from rose_mpi.iteration import IterationState
from rose_mpi.learners.criteria import Decision
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.futures import Future, resolved
from rose_mpi.learners.registry import StateRegistry
from rose_mpi.learners.seeds import seed_of
from rose_mpi.learners.spec import Criterion, LearnerKind
from rose_mpi.learners.task_function import TaskFunction
from rose_mpi.learners.values import combined, metric_of, state_of, unpacked
from rose_mpi.metrics import compare
from rose_mpi.tasks import TaskCall, TaskId, TaskResult

T = TypeVar("T")

CURRENT: Final[ContextVar[Workflow | None]] = ContextVar("the workflow that runs", default=None)
"""Whose body runs here."""


class Workflow:
    """Gives the tasks that a body calls a learner's name, numbers and group.

    Tasks of one kind are numbered in the order of the calls; an iteration ends with each criterion.
    """

    def __init__(
        self, name: str, engine: Engine, criterion: Criterion | None, registry: StateRegistry
    ) -> None:
        self.name = name
        self.registry = registry
        self._engine = engine
        self._criterion = criterion
        self._iteration = 0
        self._iteration_started = time.time()
        self._calls: Counter[tuple[int, str]] = Counter()
        self._history: list[float] = []
        self._states: dict[TaskId, dict[str, Any]] = {}
        self._last: Decision | None = None
        self._pending: set[Future[Any]] = set()
        self._failed: list[Future[Any]] = []
        self._lock = threading.Lock()
        self._opened: concurrent.futures.Future[None] | None = None

    def next_id(self, stage: str) -> TaskId:
        """The name of the task that is called now."""
        with self._lock:
            index = self._calls[self._iteration, stage]
            self._calls[self._iteration, stage] += 1
            return TaskId(self.name, self._iteration, stage, index)

    def watch(self, future: Future[T]) -> Future[T]:
        """Have the workflow end after ``future``."""
        self._pending.add(future)
        future.add_done_callback(self._ended)
        return future

    async def run(
        self, task: TaskId, function: TaskFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run one task when the futures among its arguments are there; returns its value.

        Raises
        ------
        TaskError
            If it fails.
        """
        return python_value((await self._result(task, function, args, kwargs)).value)

    async def check(
        self,
        task: TaskId,
        function: TaskFunction,
        criterion: Criterion,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Decision:
        """Run a criterion's task and end the iteration with what it measured."""
        result = await self._result(task, function, args, kwargs)
        metric = metric_of(result.value, criterion.metric, f"task {task}")
        decision = Decision(compare(metric, criterion.operator, criterion.threshold), metric)
        self._end_iteration(criterion, decision)
        return decision

    async def live(self, body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run a body from the workflow's beginning to its end."""
        await self._open()
        token = CURRENT.set(self)
        reason, error = StopReason.ERROR, ""
        try:
            value = await _called(body, args, kwargs)
            await self._settle()
            reason, error = self._outcome()
        except RoseError as failure:
            error = str(failure)
            raise
        except asyncio.CancelledError:
            reason = self._engine.stop_reason or StopReason.STOPPED
            raise
        except BaseException as failure:
            error = "".join(traceback.format_exception(failure))
            raise
        finally:
            CURRENT.reset(token)
            self._close(reason, error)
        return value

    async def end(self) -> None:
        """End a workflow without a body, after its last task."""
        await self._settle()
        if self._opened and not self._opened.exception():
            reason, error = self._outcome()
            self._close(self._engine.stop_reason or reason, error)

    async def _result(
        self, task: TaskId, function: TaskFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> TaskResult:
        args = await resolved(args)
        kwargs = {key: await resolved(value) for key, value in kwargs.items()}
        token = CURRENT.set(self)
        try:
            work = await function.work(args, kwargs)
        finally:
            CURRENT.reset(token)
        await self._open()
        call = TaskCall(task, work, seed_of(self._engine.seed, task))
        (result,) = await self._engine.executor.run_stage([call])
        if not result.done:
            raise TaskError(f"task {task} {result.status}: {result.error}")
        result = unpacked(result)
        state = self._states[task] = state_of(result)
        for key, value in state.items():
            self.registry.register(key, value)
        return result

    async def _open(self) -> None:
        """Get a group of ranks; the first who asks does it for all."""
        with self._lock:
            first = self._opened is None
            self._opened = self._opened or concurrent.futures.Future()
        if not first:
            if self._opened.done():
                self._opened.result()
            else:
                await asyncio.shield(asyncio.wrap_future(self._opened))
            return
        try:
            groups = await self._engine.executor.open([self.name])
        except BaseException as error:
            self._opened.set_exception(error)
            raise
        self._engine.observe(self._started(groups[self.name]))
        self._opened.set_result(None)

    async def _settle(self) -> None:
        """Wait for the tasks that nobody waited for."""
        while self._pending:
            waiting = [asyncio.wrap_future(future.settled()) for future in list(self._pending)]
            await asyncio.wait(waiting)

    def _close(self, reason: StopReason, error: str) -> None:
        for future in list(self._pending):
            future.cancel()
        self._engine.executor.close(self.name)
        self._engine.observe(LearnerFinished(self.name, reason, time.time(), error))

    def _outcome(self) -> tuple[StopReason, str]:
        """Why it ended, and what failed without anybody asking for it."""
        unseen = [future.failure for future in self._failed if not future.seen]
        if unseen:
            return StopReason.ERROR, str(unseen[0])
        met = self._last is not None and self._last.stop
        return StopReason.CRITERION_MET if met else StopReason.MAX_ITER_REACHED, ""

    def _ended(self, future: Future[Any]) -> None:
        if future.failure:
            self._failed.append(future)
        self._pending.discard(future)

    def _end_iteration(self, criterion: Criterion, decision: Decision) -> None:
        with self._lock:
            iteration, begun = self._iteration, self._iteration_started
            self._iteration, self._iteration_started = iteration + 1, time.time()
            self._history.append(decision.value)
            self._last = decision
            states, self._states = self._states, {}
        state = self.registry.all() | combined(states[task] for task in sorted(states))
        self.registry.clear()
        done = IterationState(
            learner=self.name,
            iteration=iteration,
            started=begun,
            finished=time.time(),
            metric=decision.value,
            model_metric={"": decision.value},
            state={key: value for key, value in state.items() if key != criterion.metric},
            should_stop=decision.stop,
            metric_name=criterion.metric,
            metric_threshold=criterion.threshold,
            metric_history=tuple(self._history),
        )
        self._engine.observe(IterationFinished(done))

    def _started(self, group: tuple[int, ...]) -> LearnerStarted:
        criterion = self._criterion
        return LearnerStarted(
            learner=self.name,
            kind=LearnerKind.CUSTOM.value,
            group=group,
            models=("",),
            metric_name=criterion.metric if criterion else "",
            threshold=criterion.threshold if criterion else float("nan"),
            operator=criterion.operator if criterion else "",
            max_iterations=0,
        )


async def _called(body: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a body: a coroutine function here, any other in a thread of its own."""
    if inspect.iscoroutinefunction(body):
        return await body(*args, **kwargs)
    answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            value = context.run(body, *args, **kwargs)
        except BaseException as error:
            _deliver(answer, error=error)
        else:
            _deliver(answer, value)

    threading.Thread(target=run, name=f"rose-{body.__name__}", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _deliver(
    answer: concurrent.futures.Future[Any], value: Any = None, error: BaseException | None = None
) -> None:
    """Answer, unless nobody waits any more."""
    if not answer.set_running_or_notify_cancel():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
