"""What the results file itself holds, read back into a run's record."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import msgspec
import numpy as np

from rose_mpi.errors import StoreError
from rose_mpi.events import EnsembleScored, LearnerStarted, RankLost, RunStarted, RunStatus, StopReason
from rose_mpi.iteration import IterationState
from rose_mpi.store import schema
from rose_mpi.store.files import read_whole
from rose_mpi.store.state import LearnerRecord, RunRecord, TaskTable

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contents:
    """A run as the file holds it, and how many of its records that are."""

    run: RunRecord
    generation: int


def read_file(path: Path) -> Contents:
    """Read a results file without its log.

    Raises
    ------
    StoreError
        If there is no such file, it is no results file, it is damaged, or a newer version wrote it.
    """
    data = _bytes(path)
    try:
        with h5py.File(h5py.h5f.open_file_image(data)) as file:
            _check(path, file)
            return Contents(_run(file), int(file.attrs["generation"]))
    except StoreError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        _log.info("%s: %r", path, error)
        raise _damaged(path) from error


def _bytes(path: Path) -> bytes:
    try:
        data = read_whole(path)
    except FileNotFoundError as error:
        raise StoreError(f"there is no results file {path}: check the path") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(_SIGNATURE):
        return data
    if _SIGNATURE.startswith(data):
        raise _damaged(path)
    raise StoreError(f"{path} is no HDF5 file: give the results file of a run")


def _damaged(path: Path) -> StoreError:
    """What to do: the log does not help, since a run's beginning stands in the file alone."""
    return StoreError(
        f"{path} is damaged and cannot be read: put a copy in its place, or begin anew without resuming, "
        f"which moves it aside"
    )


def _check(path: Path, file: h5py.File) -> None:
    version = file.attrs.get("schema_version")
    if version is None or schema.TASKS not in file:
        raise StoreError(f"{path} is no results file of rose-mpi: give the results file of a run")
    if version > schema.SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}, this rose-mpi reads up to {schema.SCHEMA_VERSION}: "
            f"use rose-mpi {file.attrs.get('rose_mpi_version', '')} or newer"
        )


def _run(file: h5py.File) -> RunRecord:
    attributes = file.attrs
    started = RunStarted(
        run=attributes["run"],
        started=float(attributes["started"]),
        seed=int(attributes["seed"]),
        ranks=int(attributes["ranks"]),
        hosts=tuple(attributes["hosts"].split()),
        config=attributes["config"],
    )
    learners = {
        schema.name_of(link): _learner(schema.name_of(link), group)
        for link, group in file[schema.LEARNERS].items()
    }
    return RunRecord(
        started=started,
        status=RunStatus(attributes["status"]),
        finished=float(attributes["finished"]),
        learners=learners,
        tasks=_tasks(file[schema.TASKS]),
        lost=msgspec.json.decode(attributes["lost"], type=list[RankLost]),
    )


def _learner(name: str, group: h5py.Group) -> LearnerRecord:
    attributes = group.attrs
    started = LearnerStarted(
        learner=name,
        kind=attributes["kind"],
        group=tuple(int(rank) for rank in attributes["group"].split()),
        models=tuple(_column(group["model"])),
        metric_name=attributes["metric_name"],
        threshold=float(attributes["threshold"]),
        operator=attributes["operator"],
        max_iterations=int(attributes["max_iterations"]),
    )
    reason = attributes["stop_reason"]
    return LearnerRecord(
        started=started,
        iterations=_iterations(name, group, started.models),
        scored=_scored(name, group[schema.SCORED]) if schema.SCORED in group else None,
        stop_reason=StopReason(reason) if reason else None,
        error=attributes["error"],
        finished=float(attributes["finished"]),
    )


def _iterations(name: str, group: h5py.Group, models: tuple[str, ...]) -> list[IterationState]:
    column = {key: _column(group[key]) for key in ("iteration", *schema.PER_ITERATION)}
    model_metric = group["model_metric"][()]
    selected, scores = group["selected"][()], group["selected_score"][()]
    state = {schema.name_of(link): dataset[()] for link, dataset in group[schema.STATE].items()}
    return [
        IterationState(
            learner=name,
            iteration=iteration,
            started=column["started"][i],
            finished=column["finished"][i],
            metric=column["metric"][i],
            model_metric=_numbers(dict(zip(models, model_metric[i], strict=True))),
            uncertainty=column["uncertainty"][i],
            pool_uncertainty=column["pool_uncertainty"][i],
            candidates=column["candidates"][i],
            selected=tuple(selected[i, : column["n_selected"][i]].tolist()),
            selected_score=tuple(scores[i, : column["n_selected"][i]].tolist()),
            state=_numbers({key: values[i] for key, values in state.items()}),
            should_stop=bool(column["should_stop"][i]),
        )
        for i, iteration in enumerate(column["iteration"])
    ]


def _scored(name: str, group: h5py.Group) -> EnsembleScored:
    attributes = group.attrs
    return EnsembleScored(
        learner=name,
        iteration=int(attributes["iteration"]),
        selected=tuple(_column(group["selected"])),
        selected_score=tuple(_column(group["selected_score"])),
        uncertainty=float(attributes["uncertainty"]),
        pool_uncertainty=float(attributes["pool_uncertainty"]),
        candidates=int(attributes["candidates"]),
        calibration={name: float(value) for name, value in group[schema.CALIBRATION].attrs.items()},
    )


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """Those that are there: the file holds NaN for what is missing."""
    return {key: float(value) for key, value in values.items() if not np.isnan(value)}


def _tasks(group: h5py.Group) -> TaskTable:
    tasks = TaskTable()
    tasks.extend({name: _column(group[name]) for name in tasks.columns})
    return tasks


def _column(dataset: h5py.Dataset) -> list[Any]:
    """A column as Python objects."""
    values: list[Any] = (dataset.asstr() if h5py.check_string_dtype(dataset.dtype) else dataset)[()].tolist()
    return values
