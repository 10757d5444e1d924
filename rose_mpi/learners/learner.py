"""What all learners of a Python program share: decorators, state, trackers; and the custom learner."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from rose_mpi.errors import UsageError
from rose_mpi.execution.registering import TaskLearner
from rose_mpi.iteration import IterationState
from rose_mpi.learners.configs import AdaptiveSchedule, TaskConfig, check_task_name, iteration_schedule
from rose_mpi.learners.criteria import PendingDecision, criterion_of
from rose_mpi.learners.engine import Engine
from rose_mpi.learners.futures import Future, running_loop
from rose_mpi.learners.manifest import manifest_of
from rose_mpi.learners.registry import StateCallback, StateRegistry
from rose_mpi.learners.spec import Criterion
from rose_mpi.learners.task_function import TaskFunction, task_function
from rose_mpi.learners.workflow import CURRENT, Workflow
from rose_mpi.trackers.notify import Trackers

logger = logging.getLogger(__name__)

Decorator = Callable[..., Any]


class BaseLearner:
    """Registers the functions that say what a learner's tasks are.

    A decorated function returns a command line or a :class:`~rose_mpi.tasks.Task`; with
    ``as_executable=False`` it is the task itself and runs on a rank. Further options of the decorators are
    the fields of a ``Task`` (``timeout``, ``retries``, ``environment``, …), ``count``, ``on_failure`` and
    ``log_params``.

    Attributes
    ----------
    functions:
        The decorated functions, by the kind of task.
    """

    def __init__(self, engine: Engine) -> None:
        if not hasattr(engine, "unique_names"):
            raise UsageError(
                f"{type(self).__name__} needs an engine, as `Engine()` or `await WorkflowEngine.create()` "
                f"make it, not {engine!r}"
            )
        self.engine = engine
        self.functions: dict[str, TaskFunction] = {}
        self._trackers = Trackers()
        self._callbacks: list[StateCallback] = []
        self._registry = StateRegistry(self._tell_state)
        self._state: IterationState | None = None

    @property
    def criterion(self) -> Criterion | None:
        """When to stop; ``None`` where no function was decorated as stop criterion."""
        function = self.functions.get("criterion")
        return function.criterion if function else None

    def simulation_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says what a simulation is; with or without options."""
        return self._decorator("simulation", function, options)

    def training_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says what a training is."""
        return self._decorator("training", function, options)

    def prediction_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says what a prediction is."""
        return self._decorator("prediction", function, options)

    def active_learn_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate the function that says how samples are chosen."""
        return self._decorator("active_learn", function, options)

    def as_stop_criterion(
        self, metric_name: str, threshold: float, operator: str = "", **options: Any
    ) -> Decorator:
        """Decorate the function whose task measures: stop when ``metric operator threshold`` holds.

        Raises
        ------
        UsageError
            If a metric of your own comes without an operator, or the operator is unknown.
        """
        criterion = criterion_of(metric_name, threshold, operator)

        return lambda function: self._register("criterion", function, options, criterion)

    def create_iteration_schedule(self, task_name: str, schedule: Mapping[Any, Any]) -> dict[Any, TaskConfig]:
        """Arguments of a task by iteration; ``-1`` serves all iterations that are not named."""
        return iteration_schedule(task_name, schedule)

    def create_adaptive_schedule(self, task_name: str, fn: Callable[[int], Any]) -> AdaptiveSchedule:
        """Arguments of a task as ``fn(iteration)`` gives them: ``{"args": …, "kwargs": …}``."""
        check_task_name(task_name)
        return AdaptiveSchedule(fn)

    def register_state(self, key: str, value: Any) -> None:
        """Make a value known as part of the present iteration's state; from a task when it has ended."""
        self._current_registry().register(key, value)

    def get_state(self, key: str, default: Any = None) -> Any:
        """A value of the present iteration's state."""
        return self._current_registry().get(key, default)

    def get_all_state(self) -> dict[str, Any]:
        """All of the present iteration's state."""
        return self._current_registry().all()

    def clear_state(self) -> None:
        """Forget the present iteration's state."""
        self._current_registry().clear()

    def on_state_update(self, callback: StateCallback) -> None:
        """Have ``callback(key, value)`` called whenever a value is registered."""
        self._callbacks.append(callback)

    def remove_state_callback(self, callback: StateCallback) -> None:
        """Call ``callback`` no more."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)

    def get_current_state(self) -> IterationState | None:
        """The state after the last iteration; ``None`` before the first."""
        return self._state

    def add_tracker(self, tracker: object) -> None:
        """Have a tracker told of the tasks now, and of what happens later; call it behind the decorators."""
        self._trackers.add(tracker, manifest_of(type(self).__name__, self.functions))

    def shutdown(self) -> Any:
        """Shut the engine down; see :meth:`rose_mpi.engine.Engine.shutdown`."""
        return self.engine.shutdown()

    def __reduce__(self) -> tuple[type[TaskLearner], tuple[()]]:
        """Inside a function that runs as a task there is no engine: only state can be registered."""
        return TaskLearner, ()

    def _decorator(
        self, stage: str, function: Callable[..., Any] | None, options: Mapping[str, Any]
    ) -> Decorator:
        if function is None:
            return lambda decorated: self._register(stage, decorated, options)
        return self._register(stage, function, options)

    def _register(
        self,
        stage: str,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        criterion: Criterion | None = None,
    ) -> Callable[..., Any]:
        registered = task_function(function, stage, options, criterion)
        self.functions[stage] = registered

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._called(registered, args, kwargs)

        return call

    def _called(self, function: TaskFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """A decorated function is called."""
        raise NotImplementedError

    def _current_registry(self) -> StateRegistry:
        workflow = CURRENT.get()
        return workflow.registry if workflow else self._registry

    def _tell_state(self, key: str, value: Any) -> None:
        for callback in tuple(self._callbacks):
            try:
                callback(key, value)
            except Exception:
                logger.exception("the callback %r failed; it is not called again", callback)
                self.remove_state_callback(callback)
        self._trackers.state_update(key, value)


class Learner(BaseLearner):
    """A learner whose loop you write: decorated functions are called, and give futures.

    The call of a stop criterion ends an iteration and gives a
    :class:`~rose_mpi.learners.criteria.Decision`; in an event loop it must be awaited, elsewhere it blocks.

    Tasks that are called in a function decorated with :meth:`as_async` belong to that call's workflow, which
    is a learner with a name, a folder and a group of ranks of its own; all others belong to this learner.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._own: Workflow | None = None
        self._bodies: Counter[str] = Counter()

    def utility_task(self, function: Callable[..., Any] | None = None, **options: Any) -> Decorator:
        """Decorate a function that says what some other task is."""
        return self._decorator("utility", function, options)

    def as_async(self, body: Callable[..., Any] | None = None) -> Decorator:
        """Make each call of ``body`` a workflow that runs beside all others; the call gives its future.

        A coroutine function runs in the running event loop (or the engine's own), any other in a thread.
        """
        if body is None:
            return self.as_async
        if not callable(body):
            raise UsageError(f"as_async is for functions, not for {body!r}")

        @functools.wraps(body)
        def call(*args: Any, **kwargs: Any) -> Future[Any]:
            name = f"{body.__name__.strip('<>')}-{self._bodies[body.__name__]}"
            self._bodies[body.__name__] += 1
            workflow = self._workflow(name, StateRegistry(self._tell_state))
            return self.engine.start(workflow.live(body, args, kwargs), f"workflow {workflow.name}")

        return call

    def _register(
        self,
        stage: str,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        criterion: Criterion | None = None,
    ) -> Callable[..., Any]:
        for option in ("count", "on_failure"):
            if option in options:
                raise UsageError(
                    f"{option} has no effect here, where your own loop calls the tasks and sees them fail"
                )
        return super()._register(stage, function, options, criterion)

    def _workflow(self, name: str, registry: StateRegistry) -> Workflow:
        (unique,) = self.engine.unique_names([name])
        return Workflow(unique, self.engine, self.criterion, registry)

    def _present(self) -> Workflow:
        """The workflow whose body calls, else the learner's own."""
        workflow = CURRENT.get() or self._own
        if workflow is None:
            workflow = self._own = self._workflow("learner-0", self._registry)
            self.engine.at_end(workflow.end)
        return workflow

    def _called(self, function: TaskFunction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        workflow = self._present()
        task = workflow.next_id(function.name if function.stage == "utility" else function.stage)
        if function.criterion is None:
            run = workflow.run(task, function, args, kwargs)
            return workflow.watch(self.engine.start(run, f"task {task}"))
        check = workflow.check(task, function, function.criterion, args, kwargs)
        decision = workflow.watch(self.engine.start(check, f"task {task}", PendingDecision))
        return decision if running_loop() else decision.result()
