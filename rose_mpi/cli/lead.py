"""What rank 0 does in a run: read the configuration, run its learners, keep and show what happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from rose_mpi.cli.display import Display
from rose_mpi.cli.resuming import Resumption
from rose_mpi.cli.stopping import Stopping
from rose_mpi.cli.summary import print_summary
from rose_mpi.config.load import load_config
from rose_mpi.config.run_config import RunConfig
from rose_mpi.errors import RoseError, UsageError
from rose_mpi.events import RunStatus, StopReason
from rose_mpi.exit_codes import ExitCode
from rose_mpi.learners.campaign import Campaign
from rose_mpi.mpi.failure import end_job
from rose_mpi.mpi.run import Run
from rose_mpi.mpi.session import Session
from rose_mpi.mpi.world import World
from rose_mpi.tasks import Function, Task
from rose_mpi.telling import tell

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
    *,
    resume: bool = False,
    force: bool = False,
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
        display = Display(quiet=quiet)
        resumption = Resumption(config.plan, display, force=force) if resume else None
        code, under_way = _run(session, config, stopping, display, resumption)
        if not quiet:
            print_summary(display.record, sys.stdout)
    except RoseError as error:
        tell(error)
        code = ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.INTERNAL_ERROR
    if under_way:
        tell(f"{under_way} does not end: all else is saved, and the job is ended without it")
        end_job(code)
    session.close()
    return code


def _run(
    session: Session, config: RunConfig, stopping: Stopping, display: Display, resumption: Resumption | None
) -> tuple[ExitCode, str]:
    _refuse_too_large(config, session)
    run = Run(
        session,
        config.plan,
        [display],
        on_failure=lambda _: stopping.request(),
        resume=resumption.accept if resumption else None,
    )
    if run.moved:
        display.note(f"the results that were there are now {run.moved.results}")
    try:
        with display, stopping.after(config.walltime):
            run.start()
            status = asyncio.run(_learn(config, run, stopping))
            under_way = run.finish(status)
    finally:
        run.close()
    if status is RunStatus.STOPPED:
        tell(f"stopped early; what was finished is in {run.layout.results}: go on with --resume")
    return _CODES[status], under_way


def _refuse_too_large(config: RunConfig, session: Session) -> None:
    """Refuse tasks that need more ranks than all learners together have, or more than each rank has."""
    ranks = max(1, len(session.hosts) - 1)
    asking: dict[tuple[int | None, int], tuple[str, Task]] = {}
    for learner in config.learners:
        for name, step in learner.steps.items():
            if isinstance(step.work, Task | Function) and step.work.ranks > ranks:
                raise UsageError(
                    f"{learner.name}.{name} needs ranks = {step.work.ranks}, but this job has {ranks} for "
                    f"tasks: start it with mpirun -n {step.work.ranks + 1} or more"
                )
            if isinstance(step.work, Task):
                needs = step.work.cores_per_rank, step.work.gpus_per_rank
                asking.setdefault(needs, (f"{learner.name}.{name}", step.work))
    for where, task in asking.values():
        if shortage := session.shortage(task, dedicated=config.plan.dedicated_coordinator):
            raise UsageError(f"{where} {shortage}")


async def _learn(config: RunConfig, run: Run, stopping: Stopping) -> RunStatus:
    campaign = Campaign(config.learners, run.executor, run.observe)
    with stopping.ends(campaign):
        reasons = await campaign.run()
    return _status(reasons, stopping.requested)


def _status(reasons: Sequence[StopReason], stopped: bool) -> RunStatus:
    if stopped and not {StopReason.STOPPED, StopReason.WALLTIME}.isdisjoint(reasons):
        return RunStatus.STOPPED
    return RunStatus.FAILED if StopReason.ERROR in reasons else RunStatus.DONE
