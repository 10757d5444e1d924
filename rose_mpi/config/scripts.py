"""Whether the programs, scripts and functions that a configuration names are there."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from rose_mpi.config.sources import names_defined, syntax_fault
from rose_mpi.nearest import did_you_mean

_SCRIPT_SUFFIXES: Final = (".py", ".sh")
_KNOWN_ONLY_LATER: Final = ("{learner}", "{iteration}", "{index}", "{model}")
_PYTHON_FLAGS: Final = re.compile(r"-[bBdEiIOPqRsSuv]+")


def command_faults(command: str, root: Path, search_path: str | None = None) -> Iterator[str]:
    """What is wrong with a command that is not run by a shell.

    Its program must exist. So must each word that ends in ``.py`` or ``.sh``, and the word after the
    program if it is a path; other words may name files that the task makes. The script that this very
    Python is to run must be valid, if it is one of the configuration's.

    Parameters
    ----------
    root:
        Folder of the configuration.
    search_path:
        ``PATH`` of the task where it differs from this process's.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        yield f"cannot be split into words: {str(error).lower()}"
        return
    if not words:
        yield "holds no program"
        return
    program, *arguments = words
    yield from _program_faults(program, root, search_path)
    for position, word in enumerate(arguments):
        if _names_script(word, first=position == 0):
            yield from _missing(word, root)
    script = next((word for word in arguments if not _PYTHON_FLAGS.fullmatch(word)), "")
    if script.endswith(".py") and _is_this_python(program, root, search_path):
        yield from _syntax_faults(root / _expanded(script, root), root)


def function_faults(reference: str, root: Path) -> Iterator[str]:
    """What is wrong with ``"module:function"``, without importing the module."""
    module, function = reference.split(":")
    spec = _find_module(module, root)
    if spec is None:
        beside = [path.stem for path in root.glob("*.py")]
        hint = did_you_mean(module, beside)
        yield f"there is no module {module!r} in {root} or among the installed ones{hint}"
        return
    if spec.origin is None or not spec.origin.endswith(".py"):
        return
    source = Path(spec.origin)
    yield from _syntax_faults(source, root)
    names = names_defined(source)
    if names is not None and function not in names:
        yield f"{source} defines no {function!r}{did_you_mean(function, names)}"


def folder_faults(folder: str, root: Path) -> Iterator[str]:
    """What is wrong with a folder that must exist."""
    if not (root / folder).is_dir():
        yield f"there is no folder {str(root / folder)!r}"


def file_faults(file: str, root: Path) -> Iterator[str]:
    """What is wrong with a file that must exist."""
    path = root / file
    if not path.is_file():
        yield f"there is no file {str(path)!r}{did_you_mean(path.name, _names_in(path.parent))}"


def _program_faults(program: str, root: Path, search_path: str | None) -> Iterator[str]:
    if any(placeholder in program for placeholder in _KNOWN_ONLY_LATER):
        return
    path = root / _expanded(program, root)
    if "/" in program or program.startswith("{") or path.is_file():
        yield from _missing(program, root)
        if path.is_file() and not os.access(path, os.X_OK):
            yield f"{str(path)!r} is not executable: chmod +x it, or name its interpreter first"
    elif shutil.which(program, path=search_path) is None:
        if program.endswith(_SCRIPT_SUFFIXES):
            yield from _missing(program, root)
        else:
            yield f"there is no program {program!r} on PATH"


def _is_this_python(program: str, root: Path, search_path: str | None) -> bool:
    """Whether a program is the Python that runs now; another one may know another syntax."""
    name = _expanded(program, root)
    found = str(root / name) if "/" in name else shutil.which(name, path=search_path)
    try:
        return found is not None and Path(found).samefile(sys.executable)
    except (OSError, ValueError):
        return False


def _syntax_faults(source: Path, root: Path) -> Iterator[str]:
    """The syntax error of a source, if it lies in the configuration's folder."""
    fault = syntax_fault(source)
    if fault and source.resolve().is_relative_to(root.resolve()):
        yield fault


def _names_script(word: str, *, first: bool) -> bool:
    if word.startswith("-") or "://" in word or any(character.isspace() for character in word):
        return False
    if any(placeholder in word for placeholder in _KNOWN_ONLY_LATER):
        return False
    return word.endswith(_SCRIPT_SUFFIXES) or (first and "/" in word)


def _missing(word: str, root: Path) -> Iterator[str]:
    path = root / _expanded(word, root)
    if not path.exists():
        yield f"missing script {str(path)!r}{did_you_mean(path.name, _names_in(path.parent))}"
    elif not path.is_file():
        yield f"{str(path)!r} is no file"


def _expanded(word: str, root: Path) -> str:
    return word.replace("{python}", sys.executable).replace("{config_dir}", str(root))


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _find_module(name: str, root: Path) -> ModuleSpec | None:
    """Find a module in ``root`` first; unlike importlib's, this imports no parent package."""
    first, *rest = name.split(".")
    try:
        spec = PathFinder.find_spec(first, [str(root)]) or importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    for depth, _ in enumerate(rest, start=2):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(name.split(".")[:depth]), spec.submodule_search_locations)
    return spec
