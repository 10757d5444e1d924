"""Reads a configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rose_mpi.config.faults import FaultList
from rose_mpi.config.learners import build_learners
from rose_mpi.config.overrides import apply_override, put
from rose_mpi.config.places import KeyPath, key_lines, shown
from rose_mpi.config.plans import run_plan
from rose_mpi.config.run_config import RunConfig
from rose_mpi.config.validate import validated
from rose_mpi.errors import ConfigError, Fault, UsageError
from rose_mpi.nearest import did_you_mean

COMMAND_LINE: Final = "\n# On the command line:\n"
"""Stands in a run's text before what the command line changed."""


def load_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    output: str | None = None,
    max_iterations: int | None = None,
) -> RunConfig:
    """Read and check a configuration.

    Parameters
    ----------
    overrides:
        ``key=value`` settings that win over the file.
    output:
        The results file, instead of the one in ``[run]``.
    max_iterations:
        Iterations at most, for every learner.

    Raises
    ------
    UsageError
        If the file cannot be read or an override has no place in it.
    ConfigError
        With all faults of the configuration.
    """
    if max_iterations is not None and max_iterations < 1:
        raise UsageError(f"--max-iter must be at least 1, not {max_iterations}")
    file = Path(path)
    text = _read(file)
    document, lines = _parsed(str(file), text)
    given = _overridden(document, overrides, output)
    faults = FaultList(lines, given)
    config = validated(document, faults)
    root = file.absolute().parent
    learners = build_learners(config, root, faults, max_iterations)
    plan = run_plan(
        config,
        faults,
        name=_name(file),
        root=root,
        text=_with_overrides(text, overrides, output, max_iterations),
        metrics=sorted({name for each in learners if each.uncertainty for name in each.uncertainty.kernels}),
    )
    faults.raise_any(str(file))
    return RunConfig(plan, config.run.stops_after, learners)


def _name(file: Path) -> str:
    """What a run is called that the configuration does not name."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", file.stem)


def _with_overrides(
    text: str, overrides: Sequence[str], output: str | None, max_iterations: int | None
) -> str:
    """The text with what the command line changed, as comments at its end."""
    options = [f"--set {override}" for override in overrides]
    options += [f"--output {output}"] if output else []
    options += [f"--max-iter {max_iterations}"] if max_iterations else []
    if not options:
        return text
    lines = "".join(f"#   {option}\n" for option in options)
    return f"{text.rstrip()}\n{COMMAND_LINE}{lines}"


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        beside = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        raise UsageError(f"there is no file {str(file)!r}{did_you_mean(file.name, beside)}") from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ConfigError(str(file), (Fault("", "is not UTF-8 text", line, column),)) from None
    except OSError as error:
        raise UsageError(f"cannot read {str(file)!r}: {error.strerror}") from None


def _parsed(file: str, text: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    try:
        return tomllib.loads(text), key_lines(text)
    except RecursionError:
        raise ConfigError(file, (Fault("", "is nested too deeply"),)) from None
    except ValueError as error:
        raise ConfigError(file, (_syntax_fault(str(error), text),)) from None


def _syntax_fault(message: str, text: str) -> Fault:
    """What :mod:`tomllib` says, and the line and column out of it."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if not match:
        return Fault("", f"is no TOML: {message}")
    said = f"is no TOML: {match[1][:1].lower()}{match[1][1:]}"
    if match[2]:
        return Fault("", said, int(match[2]), int(match[3]))
    return Fault("", said, text.count("\n") + 1)


def _overridden(document: dict[str, Any], overrides: Sequence[str], output: str | None) -> dict[KeyPath, str]:
    """Apply the settings of the command line; returns which option set which key."""
    given: dict[KeyPath, str] = {}
    for override in overrides:
        path = apply_override(document, override)
        given[path] = f"--set {shown(path)}"
    if output is not None:
        given[put(document, ["run", "output"], output)] = "--output"
    return given
