"""``rose-mpi check``: validates a configuration and shows what it would run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rose_mpi.config.load import load_config
from rose_mpi.config.run_config import RunConfig
from rose_mpi.learners.spec import LearnerSpec, Step
from rose_mpi.schedules import ByIteration, Computed, Constant, Schedule
from rose_mpi.tasks import Function, Task

_MOST_SHOWN = 20


def check(config_path: str | Path, overrides: Sequence[str] = ()) -> None:
    """Check a configuration and print its plan.

    Raises
    ------
    UsageError
        If the configuration cannot be read or is faulty.
    """
    config = load_config(config_path, overrides)
    Console(soft_wrap=True, highlight=False).print(plan(config))


def plan(config: RunConfig) -> RenderableType:
    """What a configuration would run."""
    ranks = config.plan.ranks_per_learner or "auto"
    count = len(config.learners)
    head = [
        Text(f"{config.plan.name}: {count} learner{'s' if count > 1 else ''}", style="bold"),
        Text(f"seed {config.plan.seed} · ranks per learner {ranks} · results in {config.plan.output}"),
    ]
    alike = _alike(config.learners)
    blocks = [block for names, spec in alike[:_MOST_SHOWN] for block in _learner(names, spec)]
    if len(alike) > _MOST_SHOWN:
        blocks.append(Text(f"\n… and {len(alike) - _MOST_SHOWN} more kinds of learner"))
    return Group(*head, *blocks)


def _alike(learners: Sequence[LearnerSpec]) -> list[tuple[list[str], LearnerSpec]]:
    """Learners that differ in their names only, together."""
    groups: list[tuple[list[str], LearnerSpec]] = []
    for learner in learners:
        nameless = replace(learner, name="")
        if groups and groups[-1][1] == nameless:
            groups[-1][0].append(learner.name)
        else:
            groups.append(([learner.name], nameless))
    return groups


def _learner(names: list[str], spec: LearnerSpec) -> Iterator[RenderableType]:
    title = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)} learners)"
    yield Text.assemble("\n", (title, "bold"), f" ({spec.kind})")
    table = Table.grid(padding=(0, 2))
    for name, step in spec.steps.items():
        table.add_row(f"  {name}", f"× {_count(name, spec)}", Text(_work(step)))
    yield table
    for schedule in (line for step in spec.steps.items() for line in _schedules(*step)):
        yield Text(f"  {schedule}")
    if spec.uncertainty:
        size = spec.uncertainty.query_size
        chosen = f"{size} candidates" if isinstance(size, int) else f"{size:.3g} of the candidates"
        yield Text(f"  models       {', '.join(spec.ensemble.models)}")
        yield Text(
            f"  uncertainty  {spec.uncertainty.metric} ({spec.uncertainty.task_type}), queries {chosen}"
        )
    yield Text(f"  stops when   {' or '.join(_ends(spec))}")


def _count(name: str, spec: LearnerSpec) -> str:
    tasks = spec.ensemble.predictions if name == "prediction" else spec.steps[name].count
    per_model = name in ("training", "prediction", "criterion") and spec.uncertainty is not None
    return f"{tasks * len(spec.ensemble.models)}" if per_model else f"{tasks}"


def _work(step: Step) -> str:
    match step.work:
        case Function(reference=reference):
            return f"function {reference}"
        case Task(executable=executable):
            return executable
    raise TypeError(f"{step.work!r} stands in no configuration")


def _schedules(name: str, step: Step) -> Iterator[str]:
    for schedule in step.schedules:
        yield f"{name} gets {_arguments(schedule)}"


def _arguments(schedule: Schedule) -> str:
    match schedule:
        case Constant(kwargs=kwargs):
            return _pairs(kwargs)
        case ByIteration(kwargs=by_iteration):
            named = [(f"{i}" if i >= 0 else "otherwise", kwargs) for i, kwargs in by_iteration.items()]
            return "; ".join(f"{when}: {_pairs(kwargs)}" for when, kwargs in named)
        case Computed():
            return f"{_pairs(schedule.at(0))} at iteration 0, {_pairs(schedule.at(1))} at 1"
    return ""


def _pairs(kwargs: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in kwargs.items())


def _ends(spec: LearnerSpec) -> Iterator[str]:
    if spec.criterion:
        yield f"{spec.criterion.metric} {spec.criterion.operator} {spec.criterion.threshold:g}"
    if spec.uncertainty and spec.uncertainty.threshold is not None:
        yield f"{spec.uncertainty.metric} is more certain than {spec.uncertainty.threshold:g}"
    if spec.max_iterations:
        yield f"{spec.max_iterations} iterations are done"
