"""What a program may tell its engine, checked like the tables of a configuration."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rose_mpi.config.faults import FaultList
from rose_mpi.config.models import EngineTable, RunTable
from rose_mpi.config.places import KeyPath
from rose_mpi.config.plans import run_plan
from rose_mpi.config.validate import validated
from rose_mpi.errors import UsageError
from rose_mpi.nearest import did_you_mean
from rose_mpi.plan import RunPlan

_RUN: Final = tuple(RunTable.model_fields)
_ENGINE: Final = tuple(EngineTable.model_fields)
_RUNTIME: Final = "runtime"
_RESUME: Final = "resume"
_KNOWN: Final = (*_RUN, *_ENGINE, _RUNTIME, _RESUME)
_OF_PILOTS: Final = frozenset(
    {
        "access_schema",
        "app_comm",
        "backup_nodes",
        "candidate_hosts",
        "cleanup",
        "cores",
        "exit_on_error",
        "gpus",
        "input_staging",
        "layout",
        "memory",
        "nodes",
        "output_staging",
        "prepare_env",
        "project",
        "queue",
        "reconfig_src",
        "resource",
        "sandbox",
        "schema",
        "services",
        "uid",
    }
)
"""Keys of a pilot's description: the job that runs has what they ask for, or it has not."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine is to do.

    Attributes
    ----------
    walltime:
        Seconds after which it stops by itself; ``None``: never.
    resume:
        Go on with a run that was interrupted, if there is one.
    """

    plan: RunPlan
    max_iterations: int | None
    on_failure: str
    walltime: float | None
    resume: bool = False


def options_of(resources: Mapping[str, Any] | None, given: Mapping[str, Any]) -> Options:
    """The options of an engine.

    Parameters
    ----------
    resources:
        A dictionary as pilots are described by; ``runtime`` is the walltime in minutes, and what else means
        something to pilots only is left out with a warning.
    given:
        Keys of ``[run]`` and ``[engine]``.

    Raises
    ------
    UsageError
        If a key is unknown or a value does not fit; all such faults are told at once.
    """
    keys = {**_of_resources(resources), **given}
    _refuse_unknown(keys)
    resume = keys.pop(_RESUME, False)
    if not isinstance(resume, bool):
        raise UsageError(f"resume must be True or False, not {resume!r}")
    if _RUNTIME in keys:
        keys["walltime"] = _minutes(keys.pop(_RUNTIME))
    if isinstance(keys.get("output"), os.PathLike):
        keys["output"] = os.fspath(keys["output"])
    document = {
        "run": {key: value for key, value in keys.items() if key in _RUN and value is not None},
        "engine": {key: value for key, value in keys.items() if key in _ENGINE and value is not None},
    }
    places: dict[KeyPath, str] = {
        (table, key): f"{key}=" for table, entries in document.items() for key in entries
    }
    faults = FaultList({}, places)
    config = validated(document, faults)
    plan = run_plan(config, faults, name=_program_name(), root=Path.cwd())
    faults.raise_any("the engine's options")
    run = config.run
    return Options(plan, run.max_iterations, run.on_failure, run.stops_after, resume)


def _of_resources(resources: Mapping[str, Any] | None) -> dict[str, Any]:
    if resources is None:
        return {}
    if not isinstance(resources, Mapping):
        raise UsageError(f"an engine's resources must be a dictionary, not {resources!r}")
    ignored = [key for key in resources if key in _OF_PILOTS]
    if ignored:
        warnings.warn(
            f"{', '.join(map(repr, ignored))}: no choice here: the ranks of this job are used",
            stacklevel=5,
        )
    return {str(key): value for key, value in resources.items() if key not in _OF_PILOTS}


def _refuse_unknown(keys: Mapping[str, Any]) -> None:
    unknown = [key for key in keys if key not in _KNOWN]
    if unknown:
        hints = [did_you_mean(key, _KNOWN) or f"; there are {', '.join(_KNOWN)}" for key in unknown]
        faults = [f"unknown option {key!r}{hint}" for key, hint in zip(unknown, hints, strict=True)]
        raise UsageError("\n  ".join(faults))


def _minutes(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UsageError(f"runtime must be a number of minutes, not {value!r}")
    return 60.0 * value


def _program_name() -> str:
    """The script's name; a notebook or a prompt has none."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else "")
    return name.strip("-")[:100] or "program"
