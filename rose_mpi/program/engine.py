"""The engine of a Python program: all ranks of the job, for the learners that the program makes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar

from rose_mpi.errors import RoseError, StoppedError, UsageError
from rose_mpi.events import Event, LearnerFinished, LearnerStarted, RunStatus, StopReason
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.futures import Future, running_loop
from rose_mpi.learners.stages import AbortError
from rose_mpi.mpi.run import Run
from rose_mpi.mpi.session import SETTLE_SECONDS
from rose_mpi.plan import RunPlan
from rose_mpi.program.failing import end_ranks_on_exceptions
from rose_mpi.program.job import Job, join_job
from rose_mpi.program.options import options_of
from rose_mpi.store.state import RunRecord
from rose_mpi.telling import tell

T = TypeVar("T")

logger = logging.getLogger(__name__)

STRANDED_SECONDS: Final = 1.0
"""How often the shutdown looks whether an event loop has ended whose work it waits for."""

FAILED_SECONDS: Final = 1.0
"""How long the tasks of a script that failed may take to end."""

end_ranks_on_exceptions()


class Engine:
    """Holds all ranks of the job. Only rank 0 comes back from the constructor: the others serve it.

    Parameters
    ----------
    resources:
        A dictionary of options, as older programs give it.
    **options:
        All keys of ``[run]`` and ``[engine]`` of a configuration (``output``, ``seed``, ``walltime``,
        ``ranks_per_learner``, ``rank_timeout``, …): the table in ``docs/python.md`` describes each.
        ``runtime`` is the walltime in minutes. With ``resume=True`` the run goes on where it was interrupted,
        if there are results of it.

    Attributes
    ----------
    seed:
        Seed of the run: every task derives its own from it.
    max_iterations:
        Iterations of learners that are not told otherwise; ``None``: no limit.
    on_failure:
        What a failed task does where its decorator does not say.
    stop_reason:
        Why the run is to end early; ``None`` if it is not.

    Raises
    ------
    UsageError
        If an option is wrong, or there is an engine already.
    LauncherError
        If ranks do not answer, or the launcher does not fit the MPI library.
    """

    def __init__(self, resources: Mapping[str, Any] | None = None, **options: Any) -> None:
        self._job: Job = join_job()
        given = options_of(resources, options)
        plan = given.plan
        self.seed = plan.seed
        self.max_iterations = given.max_iterations
        self.on_failure = given.on_failure
        self.stop_reason: StopReason | None = None
        self._lock = threading.RLock()
        self._names: set[str] = set()
        self._numbers: defaultdict[str, int] = defaultdict(lambda: 1)
        self._unfinished: set[Future[Any]] = set()
        self._failed: list[Future[Any]] = []
        self._last_actions: list[Callable[[], Awaitable[None]]] = []
        self._running: dict[str, None] = {}
        self._some_failed = False
        self._closing = False
        self._closed = threading.Event()
        self._loop = _background_loop()
        accept = partial(_accept, plan) if given.resume else None
        self._run = Run(self._job.session, plan, [self._note], self._results_lost, accept)
        self._job.adopt(self, given.walltime)
        self._run.start()
        if self._run.moved:
            tell(f"the results that were there are now {self._run.moved.results}")

    @property
    def executor(self) -> Executor:
        """What learners run on."""
        return self._run.executor

    def observe(self, event: Event) -> None:
        """Tell the results file; after the shutdown nothing."""
        with self._lock:
            if not self._closed.is_set():
                self._run.observe(event)

    def unique_names(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Names that no other learner has: those ``wanted``, or all with the same ``.2``, ``.3``, …."""
        with self._lock:
            names, number = tuple(wanted), max(self._numbers[name] for name in wanted)
            while not self._names.isdisjoint(names):
                number += 1
                names = tuple(f"{name}.{number}" for name in wanted)
            self._names.update(names)
            self._numbers.update(dict.fromkeys(wanted, number))
        return names

    def start(
        self, coroutine: Coroutine[Any, Any, T], what: str, kind: type[Future[T]] = Future
    ) -> Future[T]:
        """Begin ``coroutine`` in the running event loop, or in the engine's own where none runs here.

        Raises
        ------
        UsageError
            If the engine was shut down.
        StoppedError
            If the run is asked to stop.
        """
        try:
            self._refuse_if_over(what)
        except RoseError:
            coroutine.close()
            raise
        future = kind(what, running_loop() or self._loop)
        with self._lock:
            self._unfinished.add(future)
        future.add_done_callback(self._done)
        future.begin(coroutine)
        return future

    def at_end(self, action: Callable[[], Awaitable[None]]) -> None:
        """Have ``action`` awaited at the shutdown, after all that was started has ended."""
        self._last_actions.append(action)

    def stop(self, reason: StopReason = StopReason.STOPPED) -> None:
        """End all learners and their tasks; from any thread."""
        with self._lock:
            if self.stop_reason is None and not self._closed.is_set():
                self.stop_reason = reason
            unfinished = list(self._unfinished)
        for future in unfinished:
            future.cancel()

    def shutdown(self, *_: Any, **__: Any) -> Any:
        """Wait for what runs, and make the results file complete.

        Outside of an event loop it blocks; in one it gives an awaitable, which begins at once.
        """
        loop = running_loop()
        if loop:
            future: Future[None] = Future("shutdown()", loop)
            future.begin(self._shutdown_in_loop())
            return future
        self.close()
        return None

    def close(self) -> None:
        """Shut down from a thread without an event loop."""
        if self._begin_closing():
            asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result()
            self._finish()
        self._closed.wait()

    @property
    def unseen_failures(self) -> list[Future[Any]]:
        """What failed without anybody asking for the outcome."""
        return [future for future in self._failed if not future.seen]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a task cannot use the engine: give it what it needs as arguments")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop()
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop()
        await self._shutdown_in_loop()

    async def _shutdown_in_loop(self) -> None:
        if self._begin_closing():
            await self._settle()
            await asyncio.to_thread(self._finish)
        while not self._closed.is_set():
            await asyncio.sleep(0.01)

    def _begin_closing(self) -> bool:
        """Whether nobody has begun to shut down before."""
        with self._lock:
            first, self._closing = not self._closing, True
        return first

    async def _settle(self) -> None:
        """Wait until all that was started has ended."""
        while unfinished := list(self._unfinished):
            for future in unfinished:
                future.drop_if_stranded()
            settled = [asyncio.wrap_future(future.settled()) for future in unfinished]
            await asyncio.wait(settled, timeout=STRANDED_SECONDS)
        for action in self._last_actions:
            await action()

    def _finish(self) -> None:
        for learner in list(self._running):  # left in the middle of their states
            self.observe(LearnerFinished(learner, self.stop_reason or StopReason.STOPPED, time.time()))
        under_way = self._run.finish(
            self._status(), FAILED_SECONDS if self._job.script_failed else SETTLE_SECONDS
        )
        with self._lock:
            self._closed.set()
        try:
            self._run.close()
        finally:
            self._job.release(under_way)

    def _status(self) -> RunStatus:
        if self._job.script_failed or (self._some_failed and self.stop_reason is None):
            return RunStatus.FAILED
        return RunStatus.STOPPED if self.stop_reason else RunStatus.DONE

    def _refuse_if_over(self, what: str) -> None:
        if self._closed.is_set():
            raise UsageError(f"{what} cannot begin: the engine was shut down; make a new Engine()")
        if self.stop_reason:
            raise StoppedError(f"{what} does not begin: the run is asked to stop ({self.stop_reason})")

    def _done(self, future: Future[Any]) -> None:
        with self._lock:
            self._unfinished.discard(future)
            if future.failure and not self.stop_reason:
                self._failed.append(future)
            others = list(self._unfinished) if isinstance(future.failure, AbortError) else []
        for other in others:
            other.cancel()

    def _note(self, event: Event) -> None:
        """Keep in mind which learners run, and whether one failed."""
        if isinstance(event, LearnerStarted):
            self._running[event.learner] = None
        elif isinstance(event, LearnerFinished):
            self._running.pop(event.learner, None)
            self._some_failed |= event.stop_reason is StopReason.ERROR

    def _results_lost(self, error: BaseException) -> None:
        logger.error("the results can no longer be written, so the run ends: %s", error)
        self._job.give_up_results()


def _accept(plan: RunPlan, run: RunRecord) -> None:
    """Say that a recorded run goes on, or refuse it.

    Raises
    ------
    UsageError
        If it is another program's, or the seed is another.
    """
    begun = run.started
    if begun.config or begun.run != plan.name:
        what = "a configuration" if begun.config else f"program {begun.run!r}"
        raise UsageError(f"{plan.output} cannot be resumed: it is the run of {what}; name another output")
    if begun.seed != plan.seed:
        raise UsageError(
            f"{plan.output} cannot be resumed with seed={plan.seed}: it was begun with seed={begun.seed}"
        )
    tell(f"resuming {plan.output}: what its {len(run.tasks)} recorded tasks came to is taken from there")


def _background_loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own, which lives as long as the program."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="rose-loop", daemon=True).start()
    return loop
