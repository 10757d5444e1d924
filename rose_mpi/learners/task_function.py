"""A function of the user's that says what a task is."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from rose_mpi.errors import UsageError
from rose_mpi.execution.command import with_options
from rose_mpi.execution.parameters import parameters_of
from rose_mpi.execution.pickled import pickled_call, python_value
from rose_mpi.learners.descriptions import check, check_isolation, checked
from rose_mpi.learners.spec import COUNTED, MAY_SKIP, Criterion, OnFailure
from rose_mpi.nearest import suggested
from rose_mpi.tasks import Function, Task

_DESCRIPTION: Final = tuple(
    each.name for each in fields(Task) if each.name not in ("executable", "arguments")
)
_OF_FUNCTIONS: Final = ("retries", "ranks", "isolated", "timeout")
_SIGNATURE_DESCRIPTION: Final = "task_description"
_GIVEN_LATER: Final = ("iteration", "index", "seed", "selection", "workdir", "comm")
"""What the rank that calls a function gives it by name, and what nobody calls the result of a task."""
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class TaskFunction:
    """What a decorator keeps of the function it decorates.

    Attributes
    ----------
    stage:
        What kind of task it is: ``simulation``, ``training``, …
    criterion:
        What its task measures, if it is a stop criterion.
    as_executable:
        Whether it returns a command line or a :class:`Task`; else it is the task itself.
    description:
        Fields of :class:`Task` that the decorator or the signature's ``task_description`` give.
    decor_kwargs, log_params:
        What the decorator was given, for trackers.
    args, kwargs:
        What it was called with where a learner calls it in its loop.
    """

    function: Callable[..., Any]
    stage: str
    criterion: Criterion | None = None
    as_executable: bool = True
    description: Mapping[str, Any] = field(default_factory=dict)
    on_failure: str = ""
    count: int = 1
    decor_kwargs: Mapping[str, Any] = field(default_factory=dict)
    log_params: Mapping[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", self.stage))

    async def work(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], results: Sequence[Any] = ()
    ) -> Task | Function:
        """The task for one call.

        Parameters
        ----------
        results:
            Values of earlier tasks, given behind ``args`` as far as the function takes them: all with
            ``*args``, else as many as it has parameters without a default. Those that a rank fills by name
            (``learner``, ``iteration``, ``index``, ``model``, ``seed``, ``selection``, ``workdir``) get none.

        Raises
        ------
        UsageError
            If what the function returns is no task, or it takes no argument of a name.
        """
        args = (*args, *results[: self._room_for(results, len(args))])
        if not self.as_executable:
            accepted = self._accepted(kwargs)
            pickled = pickled_call(self.function, args, accepted)
            return Function(self.name, pickled=pickled, **self.description)
        value = self.function(*map(python_value, args), **self._accepted(kwargs))
        if inspect.isawaitable(value):
            value = await value
        return with_options(self._task(value), kwargs)

    def _task(self, value: Any) -> Task:
        if isinstance(value, Task):
            return checked(replace(value, **self.description), self.name)
        if not isinstance(value, str) or not value.strip():
            raise UsageError(
                f"{self.name} must return a command line or a Task, not {value!r}; if the function is the "
                f"task itself, decorate it with as_executable=False"
            )
        return checked(Task(value, **self.description), self.name)

    def _room_for(self, results: Sequence[Any], taken: int) -> int:
        parameters = _signature(self.function).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
            return len(results)
        needed = [p for p in parameters if p.kind in _POSITIONAL and p.default is inspect.Parameter.empty]
        if not self.as_executable:
            needed = list(itertools.takewhile(lambda parameter: parameter.name not in _GIVEN_LATER, needed))
        return max(0, len(needed) - taken)

    def _accepted(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Those that the function takes; options of the command need not be among them."""
        parameters = _signature(self.function).parameters
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            return dict(kwargs)
        named = [name for name, parameter in parameters.items() if parameter.kind in _BY_NAME]
        for key in kwargs:
            if key not in named and not key.startswith("-"):
                raise UsageError(
                    f"{self.name}{_signature(self.function)} takes no {key!r}"
                    f"{suggested(key, named)} (options of a command begin with '-')"
                )
        return {key: value for key, value in kwargs.items() if key in named}


def task_function(
    function: Callable[..., Any],
    stage: str,
    options: Mapping[str, Any],
    criterion: Criterion | None = None,
) -> TaskFunction:
    """What a decorator with ``options`` makes of a function.

    Raises
    ------
    UsageError
        If an option is unknown or does not fit.
    """
    if not callable(function):
        raise UsageError(f"the decorator of a {stage} task is for functions, not for {function!r}")
    given = dict(options)
    as_executable = bool(given.pop("as_executable", True))
    log_params = given.pop("log_params", None) or {}
    on_failure = given.pop("on_failure", "")
    count = given.pop("count", 1)
    known = _DESCRIPTION if as_executable else _OF_FUNCTIONS
    description = {**_described_by(function), **given.pop(_SIGNATURE_DESCRIPTION, {}), **given}
    for key in description:
        if key not in known:
            others = ("as_executable", "log_params", "on_failure", "count")
            hint = "has no effect on a Python function" if key in _DESCRIPTION else "is unknown"
            if key in _OF_FUNCTIONS:
                hint = "is for Python functions (as_executable=False): a command is a process of its own"
            raise UsageError(f"the {stage} task's option {key!r} {hint}{suggested(key, (*known, *others))}")
    check(description, f"of a {stage} task")
    if not as_executable:
        check_isolation(description, f"of a {stage} task")
    if on_failure and on_failure not in tuple(OnFailure):
        raise UsageError(f"on_failure {on_failure!r} is unknown{suggested(on_failure, OnFailure)}")
    if on_failure == OnFailure.SKIP and stage.partition(".")[0] not in MAY_SKIP:
        raise UsageError(f"on_failure 'skip' is for {', '.join(MAY_SKIP)} only, not for {stage}")
    if not isinstance(count, int) or count < 1:
        raise UsageError(f"count of a {stage} task must be a whole number from 1 on, not {count!r}")
    if count > 1 and stage.partition(".")[0] not in COUNTED:
        raise UsageError(f"count is for {', '.join(COUNTED)} only, not for {stage}")
    return TaskFunction(
        function=function,
        stage=stage,
        criterion=criterion,
        as_executable=as_executable,
        description=description,
        on_failure=on_failure,
        count=count,
        decor_kwargs=dict(options),
        log_params=dict(log_params),
    )


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    known = parameters_of(function)
    return known.signature if known else inspect.signature(function)


def _described_by(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What the signature says of the task: ``task_description={"shell": True}``."""
    parameter = _signature(function).parameters.get(_SIGNATURE_DESCRIPTION)
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return {}
    description = parameter.default or {}
    if not isinstance(description, Mapping):
        raise UsageError(f"task_description must be a dictionary, not {description!r}")
    return description
