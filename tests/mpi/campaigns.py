"""Runs campaigns on all ranks of a pytest-mpi session."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path

from mpi4py import MPI

from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted, TaskFinished
from rose_mpi.layout import Layout
from rose_mpi.learners.campaign import Campaign
from rose_mpi.learners.spec import Criterion, Ensemble, LearnerKind, LearnerSpec, Step, Uncertainty
from rose_mpi.mpi.messages import Settings
from rose_mpi.mpi.session import Session, serve
from rose_mpi.mpi.world import join_world
from rose_mpi.tasks import Function, Task

HERE = Path(__file__).parent
COMM = MPI.COMM_WORLD


@dataclass(frozen=True)
class Outcome:
    """What rank 0 observed, the same on all ranks."""

    value: object
    events: list
    under_way: str
    layout: Layout

    @property
    def reasons(self):
        return self.value

    def of(self, kind, learner):
        return [event for event in self.events if isinstance(event, kind) and name_of(event) == learner]

    def states(self, learner):
        return [event.state for event in self.of(IterationFinished, learner)]

    def results(self, learner):
        return [event.result for event in self.of(TaskFinished, learner)]

    def error(self, learner):
        return self.of(LearnerFinished, learner)[0].error

    def group(self, learner):
        return self.of(LearnerStarted, learner)[0].group


def name_of(event):
    match event:
        case IterationFinished(state):
            return state.learner
        case TaskFinished(result):
            return result.id.learner
    return event.learner


def run_campaign(tmp_path, specs, *, act=None, **options):
    """Run learners on all ranks; ``act(campaign, events)`` is awaited beside them on rank 0."""

    async def main(executor, events, layout):
        campaign = Campaign(specs, executor, events.append)
        beside = asyncio.create_task(act(campaign, events)) if act else None
        reasons = await campaign.run()
        if beside:
            await beside
        return reasons

    return run_program(tmp_path, main, **options)


def run_program(tmp_path, main, *, tasks_per_rank=1, ranks_per_learner=None, dedicated=False, metrics=()):
    """Await ``main(executor, events, layout)`` on rank 0, the other ranks serving it."""
    folder = Path(COMM.bcast(str(tmp_path)))
    layout = Layout(folder / "results.h5")
    world = join_world(COMM)
    outcome = None
    if world.rank:
        serve(world)
    else:
        settings = Settings(
            f"test-{uuid.uuid4().hex[:8]}", str(HERE), layout, {"MARK": "1"}, tasks_per_rank, tuple(metrics)
        )
        try:
            outcome = lead(world, settings, main, dedicated, ranks_per_learner)
        except Exception as error:  # all ranks fail, or the others would wait for this one
            outcome = error
    outcome = COMM.bcast(outcome)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def lead(world, settings, main, dedicated, ranks_per_learner):
    events = []
    session = Session(world, on_stop=lambda: None)
    try:
        executor = session.begin(
            settings, dedicated=dedicated, ranks_per_learner=ranks_per_learner, observe=events.append
        )
        value = asyncio.run(main(executor, events, settings.layout))
    finally:
        under_way = session.settle()
        session.close()
    return Outcome(value, events, under_way, settings.layout)


def command(text, **options):
    return Task(f"{{python}} {HERE}/user_task.py {text}", **options)


def active(
    name="a", *, max_iterations=1, simulation=None, count=1, on_failure="stop_learner", seed=5, **steps
):
    chosen = {"simulation": Step(simulation or command("pass"), count=count, on_failure=on_failure), **steps}
    return LearnerSpec(name, LearnerKind.ACTIVE, chosen, seed, max_iterations)


def uq(name="u", *, prediction=None, metric="predictive_entropy", task_type="classification", **options):
    steps = {
        "training": Step(Function("user_functions:train")),
        "prediction": Step(prediction or Function("user_functions:predict")),
    }
    return LearnerSpec(
        name,
        LearnerKind.UQ,
        steps | options.pop("steps", {}),
        seed=5,
        max_iterations=options.pop("max_iterations", 2),
        criterion=options.pop("criterion", None),
        uncertainty=Uncertainty(metric, task_type, options.pop("query_size", 7), **options),
        ensemble=Ensemble(("mlp", "forest", "logistic"), predictions=2),
    )


ACCURACY = Criterion("model_accuracy", 0.9, ">=")
