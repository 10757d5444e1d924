"""What rank 0 does in a run: read the configuration, run its learners, keep and show what happens."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Final

from rose_mpi.cli.display import Display
from rose_mpi.cli.exit_codes import ExitCode
from rose_mpi.cli.stopping import Stopping
from rose_mpi.cli.summary import print_summary
from rose_mpi.cli.telling import tell
from rose_mpi.config.load import load_config
from rose_mpi.config.run_config import RunConfig
from rose_mpi.errors import RoseError, ScoreError, UsageError
from rose_mpi.events import Event, Observer, RunFinished, RunStarted, RunStatus, StopReason
from rose_mpi.execution.user_metrics import load_user_metrics
from rose_mpi.layout import Layout
from rose_mpi.learners.campaign import Campaign
from rose_mpi.learners.executor import Executor
from rose_mpi.mpi.failure import end_job
from rose_mpi.mpi.messages import Settings
from rose_mpi.mpi.session import Session
from rose_mpi.mpi.world import World
from rose_mpi.store.rotate import set_aside
from rose_mpi.store.writer import ResultsWriter

_CODES: Final = {
    RunStatus.DONE: ExitCode.DONE,
    RunStatus.FAILED: ExitCode.LEARNER_FAILED,
    RunStatus.STOPPED: ExitCode.STOPPED,
}


def lead(
    world: World,
    config_path: str,
    overrides: Sequence[str],
    output: str | None,
    max_iterations: int | None,
    quiet: bool,
) -> ExitCode:
    """Run a configuration on all ranks of ``world``; on rank 0 only.

    After a user's mistake all ranks end in order; an exception is an internal error.
    """
    stopping = Stopping()
    stopping.listen()
    session = Session(world, stopping.request)
    under_way = ""
    try:
        config = load_config(config_path, overrides, output=output, max_iterations=max_iterations)
        code, under_way = _run(session, config, stopping, quiet)
    except RoseError as error:
        tell(error)
        code = ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.INTERNAL_ERROR
    if under_way:
        tell(f"{under_way} does not end: all else is saved, and the job is ended without it")
        end_job(code)
    session.close()
    return code


def _run(session: Session, config: RunConfig, stopping: Stopping, quiet: bool) -> tuple[ExitCode, str]:
    layout = Layout(config.output)
    observers: list[Observer] = []

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    settings = _settings(config, layout)
    _load_metrics(settings)
    executor = session.begin(
        settings,
        dedicated=config.dedicated_coordinator,
        ranks_per_learner=config.ranks_per_learner,
        observe=observe,
    )
    display = Display(quiet=quiet)
    moved = set_aside(layout)
    if moved:
        display.note(f"the results that were there are now {moved.results}")
    writer = ResultsWriter(layout, on_failure=lambda _: stopping.request())
    observers += [writer, display]
    try:
        with display:
            status = asyncio.run(_learn(config, executor, observe, stopping, session.hosts))
            under_way = session.settle()
            observe(RunFinished(status, time.time()))
    finally:
        writer.close()
    if not quiet:
        print_summary(display.record, sys.stdout)
    if status is RunStatus.STOPPED:
        tell(f"stopped early; what was finished is in {layout.results}")
    return _CODES[status], under_way


def _load_metrics(settings: Settings) -> None:
    try:
        load_user_metrics(settings.metrics, settings.root)
    except ScoreError as error:
        raise UsageError(str(error)) from error


async def _learn(
    config: RunConfig, executor: Executor, observe: Observer, stopping: Stopping, hosts: tuple[str, ...]
) -> RunStatus:
    campaign = Campaign(config.learners, executor, observe)
    nodes = tuple(dict.fromkeys(hosts))
    observe(RunStarted(config.name, time.time(), config.seed, len(hosts), nodes, config.text))
    with stopping.ends(campaign):
        reasons = await campaign.run()
    return _status(reasons, stopping.requested)


def _status(reasons: Sequence[StopReason], stopped: bool) -> RunStatus:
    if stopped and StopReason.STOPPED in reasons:
        return RunStatus.STOPPED
    return RunStatus.FAILED if StopReason.ERROR in reasons else RunStatus.DONE


def _settings(config: RunConfig, layout: Layout) -> Settings:
    scored = (learner.uncertainty for learner in config.learners)
    return Settings(
        run=f"{config.name}-{uuid.uuid4().hex[:8]}",
        root=str(config.root),
        layout=layout,
        environment=dict(config.environment),
        tasks_per_rank=config.tasks_per_rank,
        metrics=tuple(sorted({wanted.metric for wanted in scored if wanted})),
    )
