"""What a fork of the preloaded Python does: it becomes a process that runs one script.

All that a new interpreter would have set is set, and the script runs as ``__main__``. A script that a
loaded module would serve wrongly is started by exec in the same process instead.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from itertools import takewhile
from types import CodeType, ModuleType
from typing import NoReturn, TextIO

from rose_mpi.execution.own_process import Label, flush_c_streams, libraries_loaded

_CANNOT_START = 127
_GIVE_UP = compile("any(map(forget, names)); collect()", "sys", "exec")
"""Warnings of destructors name the line that runs; at the end of Python that is line 1 of "sys"."""
_INTERRUPTED = -signal.SIGINT
_MARKS = (b"ROSE_TASK", b"ROSE_ATTEMPT")


@dataclass(frozen=True, slots=True)
class Preloaded:
    """What a fork was born with.

    Attributes
    ----------
    label:
        Of the process.
    environment:
        As the preloaded Python was started.
    modules, libraries:
        Names of the loaded modules, and how many shared libraries were loaded.
    from_files:
        Top-level modules that a file of that name in a script's folder would take precedence over.
    """

    label: Label
    environment: dict[bytes, bytes]
    modules: frozenset[str]
    libraries: int
    from_files: frozenset[str]


def run_script(
    preloaded: Preloaded,
    argv: tuple[bytes, ...],
    position: int,
    changes: dict[bytes, bytes | None],
    cwd: bytes,
) -> NoReturn:
    """Run a script and end the process, by ``SystemExit`` where that needs the usual end of Python.

    Parameters
    ----------
    argv:
        The whole command line.
    position:
        Of the script in it.
    changes:
        Variables that are otherwise than in the preloaded Python's environment; ``None``: not there.
    """
    words = [os.fsdecode(word) for word in argv]
    file = words[position]
    os.chdir(cwd)
    folder = os.path.dirname(os.path.realpath(file))  # noqa: PTH120
    code = _compiled(file)
    marks = {name: value for name in _MARKS if (value := changes.get(name)) is not None}
    labelled = preloaded.label.write(argv, marks)
    if code is None or not labelled or _shadows(folder, preloaded.from_files):
        environment = {**preloaded.environment, **changes}
        _start_anew(argv, {name: value for name, value in environment.items() if value is not None})
    _take_environment(changes)
    _take_command_line(words, position, folder)
    status = _execute(code, file)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if _flushed() and (status == _INTERRUPTED or _is_as_loaded(preloaded.libraries)):
        _end_quickly(status, preloaded.modules)
    sys.exit(status)


def rehearse(preloaded: Preloaded) -> None:
    """Do what every script needs once without one: the first write to a page that a fork shares copies it."""
    os.environb[b"ROSE_REHEARSAL"] = b""
    del os.environb[b"ROSE_REHEARSAL"]
    exec(compile("pass", "", "exec"), {})
    preloaded.label.write((b"python",), {})
    _is_as_loaded(preloaded.libraries)
    _flush_files()
    gc.collect()


def _compiled(file: str) -> CodeType | None:
    """A script's code; ``None`` if Python itself must say what is wrong with it."""
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            return compile(stream.read(), file, "exec", dont_inherit=True)
    except Exception:
        return None


def _shadows(folder: str, loaded: Collection[str]) -> bool:
    if sys.flags.safe_path:
        return False
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.partition(".")[0] in loaded for entry in entries)
    except OSError:  # files in it may be opened all the same
        return True


def _start_anew(argv: tuple[bytes, ...], variables: dict[bytes, bytes]) -> NoReturn:
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, variables)
    except OSError as error:
        os.write(2, b"cannot start %s: %s\n" % (argv[0], os.fsencode(str(error.strerror))))
    os._exit(_CANNOT_START)


def _take_environment(changes: dict[bytes, bytes | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environb.pop(name, None)
        else:
            os.environb[name] = value
    if processes := sys.modules.get("multiprocessing.process"):
        vars(processes)["ORIGINAL_DIR"] = os.getcwd()  # noqa: PTH109


def _take_command_line(words: list[str], position: int, folder: str) -> None:
    sys.executable, sys.orig_argv, sys.argv = words[0], words, words[position:]
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)
    if position > 1:
        sys.stdout = sys.__stdout__ = _unbuffered(1, sys.stdout)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _unbuffered(2, sys.stderr)  # type: ignore[misc]


def _unbuffered(descriptor: int, stream: TextIO) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "wb", closefd=False)
    raw.name = stream.name
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, "\n", write_through=True)


def _execute(code: CodeType, file: str) -> int:
    """Run code as ``__main__`` and tell how it ended, as Python does; returns the exit code."""
    first = vars(sys.modules["__main__"])
    main = ModuleType("__main__")
    vars(main).update(
        {name: first[name] for name in ("__annotations__", "__builtins__") if name in first},
        __loader__=SourceFileLoader("__main__", file),
        __file__=file,
        __cached__=None,
    )
    sys.modules["__main__"] = main
    try:
        exec(code, vars(main))
    except BaseException as error:
        ended_by = _without_first_frame(error)
    else:
        return 0
    return _status_of(ended_by) if isinstance(ended_by, SystemExit) else _told(ended_by)


def _without_first_frame(error: BaseException) -> BaseException:
    return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)


def _status_of(error: SystemExit) -> int:
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 0xFF
    with suppress(Exception):
        sys.stderr.write(f"{code}\n")
    return 1


def _told(error: BaseException) -> int:
    """Tell of an exception that nobody caught."""
    told = type(error), error, error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = told
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(*told)
    except SystemExit as instead:
        return _status_of(instead)
    except BaseException as failure:
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(failure), _without_first_frame(failure), failure.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(*told)
    return _INTERRUPTED if type(error) is KeyboardInterrupt else 1


def _flushed() -> bool:
    """Whether all that was written to the standard streams has gone out."""
    try:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream and not stream.closed:
                stream.flush()
    except Exception:
        return False
    return True


def _is_as_loaded(libraries: int) -> bool:
    """Whether there are neither C libraries that may have something to do at the end, nor other threads."""
    return libraries_loaded() == libraries and threading.active_count() == 1


def _end_quickly(status: int, modules: Collection[str]) -> NoReturn:
    """End without the teardown of what was loaded before, which takes 50 to 100 ms.

    What the script itself made is given up as ever, so that destructors run. Files are flushed before: the
    collector may close the descriptor first and the buffer after it.
    """
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
    _flush_files()
    given_up = {"forget": sys.modules.__delitem__, "names": _own_modules(modules), "collect": gc.collect}
    exec(_GIVE_UP, given_up)
    _flush_files()
    flush_c_streams()
    if status == _INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def _own_modules(modules: Collection[str]) -> list[str]:
    """The script's own module and those that it loaded, but for installed ones."""
    installed = (sys.prefix, sys.base_prefix)
    fresh = takewhile(lambda name: name not in modules, reversed(sys.modules))
    files = {name: getattr(sys.modules[name], "__dict__", {}).get("__file__") for name in fresh}
    own = [name for name, file in files.items() if isinstance(file, str) and not file.startswith(installed)]
    return ["__main__", *own]


def _flush_files() -> None:
    """Flush files that somebody still holds: text first, since it goes through the binary ones."""
    made = gc.get_objects()
    for kinds in (io.TextIOWrapper, (io.BufferedWriter, io.BufferedRandom)):
        for stream in [candidate for candidate in made if issubclass(type(candidate), kinds)]:
            with suppress(Exception):
                stream.flush()
