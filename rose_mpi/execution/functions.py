"""Python functions as tasks, run in the rank itself."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence, Set
from copy import deepcopy
from types import ModuleType
from typing import Any, Final

import numpy as np

from rose_mpi.errors import ResultError, TaskError
from rose_mpi.execution.arrays import check_prediction_type
from rose_mpi.execution.context import RunContext
from rose_mpi.execution.folders import workdir
from rose_mpi.execution.own_arrays import own_array
from rose_mpi.execution.parameters import parameters_of
from rose_mpi.execution.pickled import sendable_value, unpickled_call
from rose_mpi.execution.registering import pickled_state, registering
from rose_mpi.execution.values import plain_value
from rose_mpi.tasks import Expects, Function, TaskCall, TaskResult, TaskStatus

LONGEST_TRACEBACK: Final = 1 << 16
"""Characters that are kept of a traceback."""
_LONGEST_LINE: Final = 500


def call_function(call: TaskCall, context: RunContext, comm: object = None) -> Any:
    """Call a task's function and return what it returns.

    The module is looked for in ``context.root`` first. Beside its own keyword arguments the function
    gets those of ``learner``, ``iteration``, ``index``, ``model``, ``seed``, ``selection`` and
    ``workdir`` that its signature names. A coroutine function is run to its end.

    Parameters
    ----------
    comm:
        The communicator of the ranks that call it together, given as ``comm``; ``None`` for one rank.

    Raises
    ------
    TaskError
        If module or function do not exist, or the arguments do not fit.
    """
    work = call.work
    assert isinstance(work, Function)
    function, args, given = _parts(work, context)
    parameters = parameters_of(function)
    if parameters is None:
        return _awaited(function(*args, **given))
    signature = parameters.signature
    if comm is not None and "comm" not in parameters.offered:
        raise TaskError(
            f"{work.reference}{signature} runs on {work.ranks} ranks and takes no argument 'comm', the "
            f"communicator of these: without it all would do the same"
        )
    more = _offer(parameters.free(len(args)) - given.keys(), call, context, comm)
    try:
        return _awaited(function(*args, **given, **more))
    except TypeError:
        _check_arguments(work.reference, signature, args, given | more)
        raise


def function_result(
    function: Callable[[], Any], call: TaskCall, attempt: int, queued: float, context: RunContext
) -> TaskResult:
    """Run ``function`` for a task and make what it returns, or raises, a result.

    ``value`` is a JSON value, or a NumPy array as it was returned. ``cpu_seconds`` are those of the
    calling thread, ``max_rss`` is the rank's peak so far.
    """
    started, cpu = time.time(), time.thread_time()
    status, value, error, registered = TaskStatus.DONE, None, "", b""
    try:
        with registering() as state:
            made = own_array(function) if call.expects is Expects.PREDICTION else function()
            value = _checked(made, call)
        registered = pickled_state(state)
    except TaskError as reason:
        status, error = TaskStatus.FAILED, str(reason)
    except BaseException as reason:  # whatever it raises is the task's failure, not the rank's
        status, error = TaskStatus.FAILED, _told(reason, f"(on rank {context.rank}, {context.host})")
    return TaskResult(
        id=call.id,
        attempt=attempt,
        status=status,
        rank=context.rank,
        host=context.host,
        queued=queued,
        started=started,
        finished=time.time(),
        value=value,
        error=error,
        cpu_seconds=time.thread_time() - cpu,
        max_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        registered=registered,
    )


def _parts(work: Function, context: RunContext) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    if work.pickled:
        return unpickled_call(work.pickled)
    return resolve(work.reference, context.root), (), deepcopy(dict(work.kwargs)) if work.kwargs else {}


def _offer(names: Set[str], call: TaskCall, context: RunContext, comm: object) -> dict[str, Any]:
    """The values of the offered arguments that a function takes."""
    if not names:
        return {}
    folder = workdir(call, context)
    if "workdir" in names:
        folder.mkdir(parents=True, exist_ok=True)
    values = {
        "learner": call.id.learner,
        "iteration": call.id.iteration,
        "index": call.id.index,
        "model": call.id.model,
        "seed": call.seed,
        "selection": call.selection,
        "workdir": str(folder),
    }
    if comm is not None:
        values["comm"] = comm
    return {name: value for name, value in values.items() if name in names}


def _check_arguments(
    reference: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TaskError(f"{reference}{signature} cannot be called: {error}") from None


def _awaited(value: Any) -> Any:
    async def wait() -> Any:
        return await value

    return asyncio.run(wait()) if inspect.isawaitable(value) else value


def _checked(value: Any, call: TaskCall) -> Any:
    expects = call.expects
    if isinstance(value, np.ndarray) and value.ndim > 0:
        if isinstance(value, np.ma.MaskedArray):
            raise ResultError("the returned array is masked; return its numbers alone, as by array.filled(0)")
        if value.dtype.hasobject:
            raise ResultError("the returned array holds Python objects; return numbers or text")
        if expects is Expects.PREDICTION:
            check_prediction_type(value.dtype, "the returned array")
        return np.asarray(value)
    if expects is Expects.PREDICTION:
        raise ResultError(f"a prediction must return a NumPy array, not {type(value).__name__}")
    assert isinstance(call.work, Function)
    return sendable_value(value) if call.work.pickled else plain_value(value)


def resolve(reference: str, root: str) -> Callable[..., Any]:
    """The function called ``"module:name"``; its module is looked for in ``root`` first.

    Raises
    ------
    TaskError
        If module or function do not exist.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise TaskError(f'{reference!r} names no function; write "module:function"')
    if root not in sys.path:
        sys.path.insert(0, root)
    function: Any = _module(module_name, root)
    for part in name.split("."):
        if not hasattr(function, part):
            raise TaskError(f"{reference}: the module {module_name} has no function {name!r}")
        function = getattr(function, part)
    if not callable(function):
        raise TaskError(f"{reference} is no function but of type {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def _module(name: str, root: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise TaskError(
                f"there is no module {name!r}, neither in {root} nor among the installed packages"
            ) from None
        raise


def _told(error: BaseException, where: str) -> str:
    """What an exception says, and its traceback; its type alone if its own methods fail."""
    try:
        return f"{_said(error)} {where}\n{_shortened(_traceback(error))}"
    except BaseException as failure:
        kind = type(error).__name__
        return f"{kind} {where}\n(its traceback cannot be shown: {type(failure).__name__})"


def _said(error: BaseException) -> str:
    """What an exception says, in one line."""
    told = traceback.TracebackException(type(error), error, None)
    told.__notes__ = None
    said = [*told.format_exception_only()][-1].strip().splitlines()
    return said[0][:_LONGEST_LINE] if said else type(error).__name__


def _shortened(text: str) -> str:
    """A text without its middle if it is very long: it is kept with the results, and shown."""
    left_out = len(text) - LONGEST_TRACEBACK
    if left_out <= 0:
        return text
    half = LONGEST_TRACEBACK // 2
    return f"{text[:half]}\n[… {left_out:,} characters are left out …]\n{text[-half:]}"


def _traceback(error: BaseException) -> str:
    """The traceback, from the user's code on, without the machinery of imports."""
    position = users = error.__traceback__
    while position is not None:
        if position.tb_frame.f_code.co_filename == __file__:
            users = position.tb_next or position
        position = position.tb_next
    told = traceback.TracebackException(type(error), error, users)
    seen = [frame for frame in told.stack if not frame.filename.startswith("<frozen importlib")]
    told.stack = traceback.StackSummary.from_list(seen)
    return "".join(told.format()).rstrip()
