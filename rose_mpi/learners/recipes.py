"""The stages that make one iteration, for each kind of learner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

from rose_mpi.learners.spec import LearnerKind
from rose_mpi.learners.stages import Stages
from rose_mpi.uq.scores import Member

T = TypeVar("T")
Recipe = Callable[[Stages], Awaitable[None]]


async def active(stages: Stages) -> None:
    """Simulation × n → training → active_learn → criterion."""
    if not stages.begins_late:
        await stages.run("simulation")
        await stages.run("training")
    await stages.run("active_learn")
    await stages.check()


async def uncertainty(stages: Stages) -> None:
    """Simulation → training and predictions of each model → score → active_learn → criterion of each model.

    A model that met its criterion trains no more but keeps predicting.
    """
    learning = stages.memory.unmet
    members: list[list[Member]] = []
    if not stages.begins_late:
        await stages.run("simulation")
        members = await _together(
            _member(stages, model, model in learning) for model in stages.spec.ensemble.models
        )
    await stages.score([member for group in members for member in group])
    await stages.run("active_learn")
    await _together(stages.check(model) for model in learning)


async def reinforcement(stages: Stages) -> None:
    """Environment × n → update → test."""
    if not stages.begins_late:
        await stages.run("environment")
        await stages.run("update")
    await stages.check()


async def experience(stages: Stages) -> None:
    """Environment × n → merge of their experience → update → test."""
    if not stages.begins_late:
        await stages.run("environment")
        await stages.merge_experience()
        await stages.run("update")
    await stages.check()


RECIPES: Final[dict[LearnerKind, Recipe]] = {
    LearnerKind.ACTIVE: active,
    LearnerKind.UQ: uncertainty,
    LearnerKind.REINFORCEMENT: reinforcement,
    LearnerKind.EXPERIENCE: experience,
}


async def _member(stages: Stages, model: str, train: bool) -> list[Member]:
    if train:
        await stages.run("training", model)
    return await stages.predict(model)


async def _together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all; when one fails the others are cancelled and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except* Exception as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
