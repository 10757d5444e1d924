"""From the tables ``[run]`` and ``[engine]`` to the plan of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rose_mpi.config.faults import FaultList
from rose_mpi.config.models import ConfigTable
from rose_mpi.plan import RunPlan
from rose_mpi.policy import Order, Policy


def run_plan(
    config: ConfigTable,
    faults: FaultList,
    *,
    name: str,
    root: Path,
    text: str = "",
    metrics: Iterable[str] = (),
) -> RunPlan:
    """The plan that the tables describe.

    Parameters
    ----------
    name:
        What a run is called that the tables do not name.
    """
    output = Path(config.run.output).absolute()
    if output.suffix != ".h5" or output.is_dir():
        faults.add(("run", "output"), f"must name a file that ends in .h5, not {config.run.output!r}")
    return RunPlan(
        name=config.run.name or name,
        seed=config.run.seed,
        output=output,
        root=root,
        environment=config.run.environment,
        ranks_per_learner=config.engine.ranks_per_learner,
        dedicated_coordinator=config.engine.coordinator == "dedicated",
        tasks_per_rank=config.engine.tasks_per_rank,
        preload=config.engine.preloaded,
        launcher=config.engine.launcher or "",
        policy=_policy(config),
        rank_timeout=config.engine.rank_timeout,
        text=text,
        metrics=tuple(metrics),
    )


def _policy(config: ConfigTable) -> Policy:
    return Policy(
        order=Order(config.engine.order),
        retry_delay=config.engine.retry_delay,
        max_failures=config.run.max_failures,
        max_failures_per_learner=config.run.max_failures_per_learner,
    )
