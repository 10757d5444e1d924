"""What the tasks of a learner are called with, the same always, by iteration, or computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

from rose_mpi.errors import UsageError
from rose_mpi.nearest import suggested
from rose_mpi.schedules import OTHERWISE

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """Arguments of a task function; names that begin with ``-`` become options of its command.

    Attributes
    ----------
    args:
        Positional arguments; where there are none those of the function's own call stay.
    kwargs:
        Keyword arguments, laid over those of the function's own call.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.args, tuple | list):
            raise UsageError(f"TaskConfig: args must be a tuple, not {self.args!r}")
        if not isinstance(self.kwargs, Mapping):
            raise UsageError(f"TaskConfig: kwargs must be a dictionary, not {self.kwargs!r}")
        for key in self.kwargs:
            if not isinstance(key, str):
                raise UsageError(f"TaskConfig: the names in kwargs must be text, not {key!r}")
        object.__setattr__(self, "args", tuple(self.args))


class AdaptiveSchedule:
    """Arguments that are computed from the iteration's number when they are needed."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        if not callable(function):
            raise UsageError(f"an adaptive schedule needs a function of the iteration, not {function!r}")
        self._function = function

    def __getitem__(self, iteration: int) -> TaskConfig:
        return task_config(self._function(iteration), f"what the adaptive schedule gave for {iteration}")


Entry: TypeAlias = TaskConfig | AdaptiveSchedule | Mapping[Any, Any] | None


@dataclass(frozen=True, slots=True)
class LearnerConfig:
    """Arguments for the tasks of one learner.

    Each is a :class:`TaskConfig`, a mapping of iterations to these (``-1`` or ``"default"`` serves all
    others), what ``create_adaptive_schedule`` returns, or ``None``. For ``environment`` it may be a mapping
    of the environments' names to any of these.
    """

    simulation: Entry = None
    training: Entry = None
    prediction: Entry = None
    active_learn: Entry = None
    environment: Entry = None
    update: Entry = None
    criterion: Entry = None

    def __post_init__(self) -> None:
        for each in fields(self):
            _check_entry(each.name, getattr(self, each.name))

    def get_task_config(self, task_name: str, iteration: int) -> TaskConfig | None:
        """The arguments of a task in an iteration; ``None`` where nothing is said."""
        return config_at(getattr(self, task_name, None), iteration)


@dataclass(frozen=True, slots=True)
class UQLearnerConfig(LearnerConfig):
    """Arguments for the tasks of a learner that measures uncertainty."""

    uncertainty: Entry = None


TASKS: Final = tuple(each.name for each in fields(UQLearnerConfig))


def iteration_schedule(task_name: str, schedule: Mapping[Any, Any]) -> dict[Any, TaskConfig]:
    """A mapping of iterations to :class:`TaskConfig`, from one to ``{"args": …, "kwargs": …}``."""
    check_task_name(task_name)
    entries = {key: task_config(value, f"schedule[{key!r}]") for key, value in schedule.items()}
    _check_entry(task_name, entries)
    return entries


def config_at(entry: Entry, iteration: int) -> TaskConfig | None:
    """The arguments of an iteration."""
    if entry is None or isinstance(entry, TaskConfig):
        return entry
    if isinstance(entry, AdaptiveSchedule):
        return entry[iteration]
    found = entry.get(iteration, entry.get(OTHERWISE, entry.get(DEFAULT)))
    return None if found is None else task_config(found, f"the entry for iteration {iteration}")


def task_config(value: Any, what: str) -> TaskConfig:
    """``value`` as a :class:`TaskConfig`, which may be given as a dictionary of its fields."""
    if isinstance(value, TaskConfig):
        return value
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{what} must be a TaskConfig or a dictionary with 'args' and 'kwargs', not {value!r}"
        )
    known = [each.name for each in fields(TaskConfig)]
    for key in value:
        if key not in known:
            raise UsageError(f"{what} has an unknown key {key!r}{suggested(key, known)}")
    return TaskConfig(**value)


def check_task_name(name: str) -> None:
    """Refuse a task that no learner has."""
    if name not in TASKS:
        raise UsageError(f"no task is called {name!r}{suggested(name, TASKS)}")


def _check_entry(name: str, entry: Any) -> None:
    if entry is None or isinstance(entry, TaskConfig | AdaptiveSchedule):
        return
    if not isinstance(entry, Mapping):
        raise UsageError(f"{name} must be a TaskConfig or a mapping of iterations to these, not {entry!r}")
    for key, value in entry.items():
        if name == "environment" and isinstance(key, str) and key != DEFAULT:
            _check_entry(f"environment[{key!r}]", value)
        elif key != DEFAULT and (not isinstance(key, int) or isinstance(key, bool) or key < OTHERWISE):
            raise UsageError(f"{name}: {key!r} is no iteration: 0, 1, 2, … or -1 for all others")
        else:
            task_config(value, f"{name}[{key!r}]")
