"""A run on the ranks of a session: where its results go, and who is told what happens."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.events import Event, Observer, RunFinished, RunStarted, RunStatus
from rose_mpi.execution.user_metrics import load_user_metrics
from rose_mpi.layout import Layout
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.replay import ReplayExecutor
from rose_mpi.mpi.messages import Settings
from rose_mpi.mpi.session import SETTLE_SECONDS, Session
from rose_mpi.plan import RunPlan
from rose_mpi.store.history import History
from rose_mpi.store.lock import Lock
from rose_mpi.store.reader import read_saved
from rose_mpi.store.rotate import set_aside
from rose_mpi.store.state import RunRecord
from rose_mpi.store.writer import ResultsWriter


class Run:
    """Tells all ranks what the run is, and keeps its results.

    Parameters
    ----------
    observers:
        Who is told of the events beside the results file.
    on_failure:
        Called when the results can no longer be written: the run should end then.
    resume:
        Go on where an earlier part of the run was interrupted, if there was one: called with its record, it
        refuses by raising. ``None``: begin anew.

    Attributes
    ----------
    executor:
        What learners run on; it answers from the record where a run goes on.
    moved:
        The results of an earlier run, which were in the way; ``None`` if there were none.

    Raises
    ------
    UsageError
        If a metric of the user's own cannot be imported, groups cannot have the wanted size, the folder of
        the results cannot be written, or another run writes the same results.
    StoreError
        If earlier results are damaged, or the disk refuses.
    """

    def __init__(
        self,
        session: Session,
        plan: RunPlan,
        observers: Sequence[Observer] = (),
        on_failure: Callable[[BaseException], None] | None = None,
        resume: Callable[[RunRecord], object] | None = None,
    ) -> None:
        self.layout = Layout(plan.output)
        self._session = session
        self._plan = plan
        self._observers = list(observers)
        settings = _settings(plan, self.layout)
        _load_metrics(settings)
        self._lock = Lock(self.layout, plan.name)
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            saved = read_saved(self.layout.results) if resume and self.layout.results.exists() else None
            if saved and resume:
                resume(saved.run)
            self._begun = saved.run.started if saved else None
            self._history = History(saved.run if saved else None)
            executor = session.begin(
                replace(settings, resumed=saved is not None),
                dedicated=plan.dedicated_coordinator,
                ranks_per_learner=plan.ranks_per_learner,
                rank_timeout=plan.rank_timeout,
                observe=self.observe,
            )
            self.executor: Executor = ReplayExecutor(executor, self._history, self.layout, self.observe)
            self.moved = None if saved else set_aside(self.layout)
            self._writer = ResultsWriter(self.layout, on_failure, self._lock.beat, saved)
            self._observers.insert(0, self._writer)
            undo.pop_all()

    def start(self) -> None:
        """Tell that the run begins, or goes on."""
        hosts = self._session.hosts
        nodes = tuple(dict.fromkeys(hosts))
        plan, begun = self._plan, self._begun
        run, started = (begun.run, begun.started) if begun else (plan.name, time.time())
        self.observe(RunStarted(run, started, plan.seed, len(hosts), nodes, plan.text))

    def observe(self, event: Event) -> None:
        """Tell all observers what is new; from any thread."""
        news = self._history.news(event)
        if news:
            for observer in self._observers:
                observer(news)

    def finish(self, status: RunStatus, seconds: float = SETTLE_SECONDS) -> str:
        """Tell how the run ended when nothing is under way any more, but wait so many seconds at most.

        Returns what is still under way; empty if nothing is.
        """
        under_way = self._session.settle(seconds)
        self.observe(RunFinished(status, time.time()))
        return under_way

    def close(self) -> None:
        """Make the results file complete.

        Raises
        ------
        StoreError
            If the disk refused for long; the log is kept then.
        """
        try:
            self._writer.close()
        finally:
            self._lock.release()


def _settings(plan: RunPlan, layout: Layout) -> Settings:
    return Settings(
        run=f"{plan.name}-{uuid.uuid4().hex[:8]}",
        root=str(plan.root),
        layout=layout,
        environment=dict(plan.environment),
        tasks_per_rank=plan.tasks_per_rank,
        metrics=plan.metrics,
        preload=plan.preload,
        launcher=plan.launcher,
        policy=plan.policy,
    )


def _load_metrics(settings: Settings) -> None:
    try:
        load_user_metrics(settings.metrics, settings.root)
    except ScoreError as error:
        raise UsageError(str(error)) from error
