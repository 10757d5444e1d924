"""From a task's tables to the step of a learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rose_mpi.config import scripts
from rose_mpi.config.expressions import Adaptive
from rose_mpi.config.faults import FaultList
from rose_mpi.config.layers import Layer, Layers
from rose_mpi.config.models import CountedTaskTable
from rose_mpi.learners.spec import MAY_SKIP, OnFailure, Step
from rose_mpi.schedules import ByIteration, Computed, Constant, Schedule
from rose_mpi.tasks import GPUS_AND_RANKS, Function, Task

WORK: Final = ("command", "function")
_TASK_KEYS: Final = tuple(CountedTaskTable.model_fields)
_COMMAND_ONLY: Final = (
    "cores_per_rank",
    "gpus_per_rank",
    "environment",
    "shell",
    "cwd",
)


class StepBuilder:
    """Makes the steps of all learners of one configuration.

    Parameters
    ----------
    root:
        Folder of the configuration.
    environment:
        Variables of all tasks.
    on_failure:
        What a task's failure does where its table does not say.
    most_ranks:
        Ranks of a learner's group, if the configuration says.
    """

    def __init__(
        self,
        root: Path,
        environment: dict[str, str],
        on_failure: str,
        most_ranks: int | None,
        faults: FaultList,
    ) -> None:
        self.root = root
        self.environment = environment
        self.on_failure = on_failure
        self.most_ranks = most_ranks
        self.faults = faults

    def build(self, name: str, layers: Layers) -> Step | None:
        """The step ``name``; ``None`` where no table describes it or it is faulty."""
        if not layers.states_any(_TASK_KEYS):
            return None
        work = self._work(layers)
        if work is None:
            return None
        return Step(
            work=work,
            count=layers.get("count", 1),
            schedules=(*self._schedules(layers.default, work), *self._schedules(layers.own, work)),
            on_failure=self._on_failure(name, layers),
        )

    def _work(self, layers: Layers) -> Task | Function | None:
        for layer in (layers.own, layers.default):
            if layer.states("command") and layer.states("function"):
                self.faults.add((*layer.path, "function"), "there is a command already; keep one of the two")
                return None
            if layer.states("function"):
                return self._function(layers)
            if layer.states("command"):
                return self._command(layers)
        causes = [(*layer.path, key) for layer in (layers.own, layers.default) for key in WORK]
        table = layers.path("command")[:-1]
        self.faults.add(table, "needs a command or a function", *causes)
        return None

    def _function(self, layers: Layers) -> Function:
        reference: str = layers.get("function")
        for message in scripts.function_faults(reference, self.root):
            self.faults.add(layers.path("function"), message)
        ranks, isolated = self._ranks(layers), layers.get("isolated", False)
        self._check_effect(
            layers, "function", _COMMAND_ONLY, "has no effect on a function, only on a command"
        )
        if not isolated:
            message = "has no effect on a function, only on a command, or with isolated = true"
            self._check_effect(layers, "function", ("timeout",), message)
        elif ranks > 1:
            message = f"is for functions on one rank, and this one has ranks = {ranks}"
            self.faults.add(layers.path("isolated"), message, layers.path("ranks"))
        return Function(
            reference,
            retries=layers.get("retries", 0),
            ranks=ranks,
            isolated=isolated,
            timeout=layers.get("timeout") if isolated else None,
        )

    def _check_effect(self, layers: Layers, work: str, keys: tuple[str, ...], message: str) -> None:
        """Keys that mean nothing for this kind of work, but for those of the defaults of another kind."""
        for layer in (layers.own, layers.default):
            for key in filter(layer.states, keys):
                if not (layer is layers.default and layers.own.states(work)):
                    self.faults.add((*layer.path, key), message)

    def _command(self, layers: Layers) -> Task:
        environment = {**(layers.default.get("environment") or {}), **(layers.own.get("environment") or {})}
        cwd: str | None = layers.get("cwd")
        message = "has no effect on a command, which is a process of its own anyway"
        self._check_effect(layers, "command", ("isolated",), message)
        self._check_command(layers, environment)
        if cwd is not None:
            for message in scripts.folder_faults(cwd, self.root):
                self.faults.add(layers.path("cwd"), message)
        if layers.get("gpus_per_rank", 0) and layers.get("ranks", 1) > 1:
            self.faults.add(layers.path("gpus_per_rank"), GPUS_AND_RANKS, layers.path("ranks"))
        return Task(
            executable=layers.get("command"),
            ranks=self._ranks(layers),
            cores_per_rank=layers.get("cores_per_rank"),
            gpus_per_rank=layers.get("gpus_per_rank", 0),
            environment=environment,
            timeout=layers.get("timeout"),
            retries=layers.get("retries", 0),
            shell=layers.get("shell", False),
            cwd=None if cwd is None else str(self.root / cwd),
        )

    def _ranks(self, layers: Layers) -> int:
        ranks: int = layers.get("ranks", 1)
        if self.most_ranks and ranks > self.most_ranks:
            message = f"a task of {ranks} ranks does not fit into a group of {self.most_ranks}"
            self.faults.add(layers.path("ranks"), message, ("engine", "ranks_per_learner"))
        return ranks

    def _check_command(self, layers: Layers, environment: dict[str, str]) -> None:
        if layers.get("shell", False):
            return
        search_path = {**self.environment, **environment}.get("PATH")
        for message in scripts.command_faults(layers.get("command"), self.root, search_path):
            self.faults.add(layers.path("command"), message)

    def _schedules(self, layer: Layer, work: Task | Function) -> tuple[Schedule, ...]:
        """The schedules of one table, in the order in which they win over one another."""
        if isinstance(work, Task):
            self._check_options(layer)
        schedules: list[Schedule] = []
        if kwargs := layer.get("kwargs"):
            schedules.append(Constant(kwargs))
        if by_iteration := layer.get("schedule"):
            schedules.append(ByIteration({int(key): kwargs for key, kwargs in by_iteration.items()}))
        if expressions := layer.get("adaptive"):
            schedules.append(Computed(Adaptive(expressions)))
        return tuple(schedules)

    def _check_options(self, layer: Layer) -> None:
        """A command is given only those arguments whose names are options."""
        tables: dict[tuple[str, ...], dict[str, Any]] = {
            ("kwargs",): layer.get("kwargs") or {},
            ("adaptive",): layer.get("adaptive") or {},
            **{("schedule", key): kwargs for key, kwargs in (layer.get("schedule") or {}).items()},
        }
        for keys, table in tables.items():
            for name in table:
                if not name.startswith("-"):
                    message = f"never reaches a command: options begin with '-', as in '--{name}'"
                    self.faults.add((*layer.path, *keys, name), message)

    def _on_failure(self, name: str, layers: Layers) -> OnFailure:
        on_failure = OnFailure(layers.get("on_failure", self.on_failure))
        if on_failure is OnFailure.SKIP and name not in MAY_SKIP:
            self.faults.add(layers.path("on_failure"), f"'skip' is for {', '.join(MAY_SKIP)} only")
        return on_failure
