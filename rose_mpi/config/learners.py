"""From the tables of a configuration to its learners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rose_mpi.config.faults import FaultList
from rose_mpi.config.layers import Layer, Layers
from rose_mpi.config.models import ConfigTable, CriterionTable, LearnerTable, Table, TasksTable
from rose_mpi.config.places import KeyPath
from rose_mpi.config.steps import WORK, StepBuilder
from rose_mpi.config.uncertainty import UncertaintyBuilder
from rose_mpi.learners.spec import Criterion, Ensemble, LearnerKind, LearnerSpec, Step
from rose_mpi.metrics import OPERATORS, STANDARD_OPERATORS
from rose_mpi.nearest import did_you_mean

_STEPS: Final = {
    LearnerKind.ACTIVE: ("simulation", "training", "active_learn", "criterion"),
    LearnerKind.UQ: ("simulation", "training", "prediction", "uncertainty", "active_learn", "criterion"),
    LearnerKind.REINFORCEMENT: ("environment", "update", "criterion"),
    LearnerKind.EXPERIENCE: ("environment", "update", "criterion"),
}
_REQUIRED: Final = {
    LearnerKind.ACTIVE: ("training",),
    LearnerKind.UQ: ("training", "prediction"),
    LearnerKind.REINFORCEMENT: ("environment", "update"),
    LearnerKind.EXPERIENCE: ("environment", "update"),
}
_ONLY_UQ: Final = ("uncertainty", "ensemble")
_ONLY_REINFORCEMENT: Final = ("environment", "update")
_DECIDE_KIND: Final[tuple[KeyPath, ...]] = (("uncertainty",), ("tasks", "environment"), ("tasks", "update"))
_CRITERION_KEYS: Final = tuple(CriterionTable.model_fields)
_SOLE_LEARNER: Final = LearnerTable(name="learner")


def build_learners(
    config: ConfigTable, root: Path, faults: FaultList, max_iterations: int | None = None
) -> tuple[LearnerSpec, ...]:
    """The learners that ``config`` describes.

    Parameters
    ----------
    root:
        Folder of the configuration.
    faults:
        Takes what is wrong with them; the learners are to be used only if nothing was.
    max_iterations:
        Takes the place of every learner's own.
    """
    builder = _Builder(config, root, faults, max_iterations)
    tables = config.learners or [_SOLE_LEARNER]
    specs = [spec for number, table in enumerate(tables) for spec in builder.build(number, table)]
    builder.check_names()
    builder.check_unused_tables()
    return tuple(specs)


@dataclass(slots=True)
class _Builder:
    config: ConfigTable
    root: Path
    faults: FaultList
    max_iterations: int | None

    def build(self, number: int, table: LearnerTable) -> Iterator[LearnerSpec]:
        """One learner, or as many as ``repeat`` says."""
        learner = _Learner(self, number, table)
        if self.faults.explained(("learners", number, "kind")):
            learner.check_tasks()
            return
        spec = learner.spec()
        for name in names_of(table):
            yield replace(spec, name=name)

    def check_names(self) -> None:
        """No two learners may have one name, and each must have one."""
        first_with: dict[str, int] = {}
        for number, table in enumerate(self.config.learners):
            path = ("learners", number, "name")
            if table.name is None:
                self.faults.add(path, "is missing: every learner needs a name")
            for name in names_of(table):
                if first_with.setdefault(name, number) != number:
                    self.faults.add(path, f"learners[{first_with[name]}] is called {name!r} already")
                    break

    def check_unused_tables(self) -> None:
        """Defaults that no learner takes up are a misunderstanding."""
        config = self.config
        kinds = {kind_of(config, table) for table in config.learners or [_SOLE_LEARNER]}
        stated: list[KeyPath] = [(name,) for name in _ONLY_UQ if getattr(config, name).model_fields_set]
        stated += [
            ("tasks", name) for name in TasksTable.model_fields if getattr(config.tasks, name) is not None
        ]
        for path in stated:
            users = [kind for kind in _STEPS if path[-1] in _tables_of(kind)]
            if kinds.isdisjoint(users):
                message = f"has no effect: no learner is of kind {' or '.join(map(_quoted, users))}"
                self.faults.add(path, message, ("learners",), *_DECIDE_KIND)


def names_of(table: LearnerTable) -> list[str]:
    """The names of the learners that a table makes."""
    if table.name is None or table.repeat is None:
        return [table.name or ""]
    return [f"{table.name}-{copy}" for copy in range(table.repeat)]


def kind_of(config: ConfigTable, table: LearnerTable) -> LearnerKind:
    """What a learner is.

    What it says, else ``uq`` where there is an uncertainty, else ``reinforcement`` where there is an
    environment or an update, else ``active``; its own tables count before the defaults.
    """
    if table.kind is not None:
        return LearnerKind(table.kind)
    defaults = config.model_fields_set | config.tasks.model_fields_set.intersection(_ONLY_REINFORCEMENT)
    for stated in (table.model_fields_set, defaults):
        if "uncertainty" in stated:
            return LearnerKind.UQ
        if not stated.isdisjoint(_ONLY_REINFORCEMENT):
            return LearnerKind.REINFORCEMENT
    return LearnerKind.ACTIVE


def _tables_of(kind: LearnerKind) -> tuple[str, ...]:
    """The tables that a learner of this kind takes up."""
    return (*_STEPS[kind], *(_ONLY_UQ if kind is LearnerKind.UQ else ()))


def _quoted(kind: LearnerKind) -> str:
    return f"'{kind}'"


class _Learner:
    """One learner's table over the defaults."""

    def __init__(self, builder: _Builder, number: int, table: LearnerTable) -> None:
        self.config = builder.config
        self.root = builder.root
        self.faults = builder.faults
        self.max_iterations = builder.max_iterations
        self.table = table
        self.kind = kind_of(builder.config, table)
        self.path: KeyPath = ("learners", number)
        run = builder.config.run
        self.step_builder = StepBuilder(
            builder.root,
            run.environment,
            run.on_failure,
            builder.config.engine.ranks_per_learner,
            builder.faults,
        )

    def spec(self) -> LearnerSpec:
        steps = self._steps()
        uncertain = self.kind is LearnerKind.UQ
        criterion = self._criterion("criterion" in steps)
        layers = self._layers("uncertainty", self.config.uncertainty, ("uncertainty",))
        builder = UncertaintyBuilder(self.root, self.faults)
        uncertainty = builder.build(layers, has_task="uncertainty" in steps) if uncertain else None
        spec = LearnerSpec(
            name=self.table.name or "",
            kind=self.kind,
            steps=steps,
            seed=self.config.run.seed,
            max_iterations=self.max_iterations or self.table.max_iterations or self.config.run.max_iterations,
            criterion=criterion,
            uncertainty=uncertainty,
            ensemble=self._ensemble() if uncertain else Ensemble(models=("",)),
        )
        self._check_end(spec)
        self._check_unused_tables()
        return spec

    def check_tasks(self) -> None:
        """Find the faults of all tasks, where it is not known which of them the learner has."""
        for name in TasksTable.model_fields:
            self.step_builder.build(name, self._task_layers(name))

    def _task_layers(self, name: str) -> Layers:
        return self._layers(name, getattr(self.config.tasks, name), ("tasks", name))

    def _layers(self, name: str, default: Table | None, default_path: KeyPath) -> Layers:
        own: Table | None = getattr(self.table, name)
        return Layers(Layer(own, (*self.path, name)), Layer(default, default_path))

    def _steps(self) -> dict[str, Step]:
        steps: dict[str, Step] = {}
        for name in _STEPS[self.kind]:
            layers = self._task_layers(name)
            if name in _REQUIRED[self.kind] and layers.default.table is None and not layers.states_any(WORK):
                message = f"is missing: a learner of kind '{self.kind}' needs it"
                self.faults.add(layers.default.path, message, layers.own.path)
            elif step := self.step_builder.build(name, layers):
                steps[name] = step
        if self.kind is LearnerKind.ACTIVE and not self._has("simulation") and not self._has("active_learn"):
            message = "needs a simulation or an active_learn task, or nothing would change between iterations"
            causes = [("tasks", "simulation"), ("tasks", "active_learn"), (*self.path, "simulation")]
            self.faults.add(("tasks",), message, *causes, (*self.path, "active_learn"))
        return steps

    def _has(self, step: str) -> bool:
        return getattr(self.table, step) is not None or getattr(self.config.tasks, step) is not None

    def _criterion(self, has_task: bool) -> Criterion | None:
        layers = self._layers("criterion", self.config.criterion, ("criterion",))
        if not layers.states_any(_CRITERION_KEYS):
            if has_task:
                self.faults.add(("criterion",), "is missing: the criterion task needs metric and threshold")
            return None
        for key in ("metric", "threshold"):
            if not layers.states(key):
                self.faults.add(layers.path(key), "is missing")
        metric: str = layers.get("metric", "")
        if not self._has("criterion"):
            message = f"is missing: it measures {metric!r} for the [criterion]"
            self.faults.add(("tasks", "criterion"), message)
        return Criterion(metric, layers.get("threshold", 0.0), self._operator(layers, metric))

    def _operator(self, layers: Layers, metric: str) -> str:
        operator: str | None = layers.get("operator")
        if operator is not None:
            if operator not in OPERATORS:
                self.faults.add(
                    layers.path("operator"), f"must be one of {', '.join(OPERATORS)}, not {operator!r}"
                )
            return operator
        if metric and metric not in STANDARD_OPERATORS:
            hint = did_you_mean(metric, STANDARD_OPERATORS)
            message = (
                f"{metric!r} is no standard metric, so it needs an operator: {' '.join(OPERATORS)}{hint}"
            )
            self.faults.add(layers.path("metric"), message, layers.path("operator"))
        return STANDARD_OPERATORS.get(metric, ">")

    def _ensemble(self) -> Ensemble:
        layers = self._layers("ensemble", self.config.ensemble, ("ensemble",))
        if not layers.states("models"):
            self.faults.add(layers.path("models"), "is missing: a learner of kind 'uq' needs them")
        return Ensemble(tuple(layers.get("models", ())), layers.get("predictions", 1))

    def _check_end(self, spec: LearnerSpec) -> None:
        threshold = spec.uncertainty.threshold if spec.uncertainty else None
        if spec.max_iterations or spec.criterion or threshold is not None:
            return
        causes: list[KeyPath] = [("run", "max_iterations"), ("criterion",), ("uncertainty",)]
        own = [(*self.path, key) for key in ("max_iterations", "criterion", "uncertainty")]
        path = self.path if self.config.learners else ("run",)
        ends = "max_iterations, a [criterion] or an uncertainty threshold"
        if self.kind in (LearnerKind.REINFORCEMENT, LearnerKind.EXPERIENCE):
            ends = "max_iterations or a [criterion]"
        self.faults.add(path, f"has no way to stop: give {ends}", *causes, *own)

    def _check_unused_tables(self) -> None:
        for name in (*TasksTable.model_fields, *_ONLY_UQ):
            if name in self.table.model_fields_set and name not in _tables_of(self.kind):
                self.faults.add((*self.path, name), f"has no effect on a learner of kind '{self.kind}'")
