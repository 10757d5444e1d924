"""An engine without MPI: coroutines run in the running event loop, else in one background thread."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter

from rose_mpi.errors import UsageError
from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.functions import call_function, function_result
from rose_mpi.layout import Layout
from rose_mpi.learners.futures import Future, running_loop
from rose_mpi.tasks import Function
from tests.unit.learners.fake import FakeExecutor


@functools.cache
def background_loop():
    """The event loop of programs that have none, in a thread that lives as long as the tests."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="fake-engine", daemon=True).start()
    return loop


class FakeEngine:
    """See :class:`rose_mpi.learners.engine.Engine`; keeps the events it observes and what it started."""

    def __init__(self, executor=None, *, seed=7, max_iterations=None, on_failure="stop_learner"):
        self.executor = executor or FakeExecutor()
        self.seed = seed
        self.max_iterations = max_iterations
        self.on_failure = on_failure
        self.stop_reason = None
        self.events = []
        self.futures = []
        self._names = Counter()
        self._last_actions = []
        self._closed = False

    def observe(self, event):
        self.events.append(event)

    def unique_names(self, wanted):
        number = 1 + max(self._names[name] for name in wanted)
        self._names.update(dict.fromkeys(wanted, 0))
        for name in wanted:
            self._names[name] = number
        return tuple(name if number == 1 else f"{name}.{number}" for name in wanted)

    def start(self, coroutine, what, kind=Future):
        if self._closed:
            coroutine.close()
            raise UsageError(f"{what} cannot begin: the engine was shut down")
        future = kind(what, running_loop() or background_loop())
        self.futures.append(future)
        future.begin(coroutine)
        return future

    def at_end(self, action):
        self._last_actions.append(action)

    def shutdown(self):
        future = Future("shutdown()", running_loop() or background_loop())
        future.begin(self._shut_down())
        return future if running_loop() else future.result()

    async def _shut_down(self):
        for future in self.futures:
            await asyncio.wrap_future(future.settled())
        for action in self._last_actions:
            await action()
        self._closed = True

    def started(self):
        """What was told of the learners' beginnings, by learner."""
        return {event.learner: event for event in self.events if isinstance(event, LearnerStarted)}

    def finished(self):
        """What was told of the learners' ends, by learner."""
        return {event.learner: event for event in self.events if isinstance(event, LearnerFinished)}

    def states(self):
        """The states that were told."""
        return [event.state for event in self.events if isinstance(event, IterationFinished)]


class FunctionExecutor(FakeExecutor):
    """Runs the pickled functions of a program, in threads; answers for all other tasks as its base does."""

    def __init__(self, root, **options):
        super().__init__(**options)
        self.context = RunContext("run", str(root), Layout(root / "results.h5"), 0, "host", frozenset({0}))

    async def run_stage(self, calls):
        self.calls += calls
        return await asyncio.gather(*map(self._ended, calls))

    async def _ended(self, call):
        if not isinstance(call.work, Function) or call.id.stage in self.values:
            return self.result(call)
        run = functools.partial(call_function, call, self.context)
        return await asyncio.to_thread(function_result, run, call, 0, 0.0, self.context)
