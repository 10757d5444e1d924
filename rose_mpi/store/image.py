"""A run's record as the bytes of an HDF5 file.

The file is built in memory and leaves as one stream: a full disk then is one plain ``OSError``, never an
HDF5 library in an undefined state, and parallel file systems see no small writes.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

import rose_mpi
from rose_mpi.events import EnsembleScored
from rose_mpi.iteration import IterationState
from rose_mpi.store import schema
from rose_mpi.store.hdf5 import TEXT, attach_scale, make_scale, write_attributes, write_dataset
from rose_mpi.store.schema import Meaning
from rose_mpi.store.state import LearnerRecord, RunRecord, TaskTable

_ROWS_AT_ONCE: Final = 20_000
# An axis lists its datasets in an attribute, which HDF5 bounds to 64 KiB.
_MAX_STATE_KEYS: Final = 2_000

_log = logging.getLogger(__name__)


def image(run: RunRecord, generation: int, pump: Callable[[], None]) -> bytes:
    """The results file of a run, as bytes.

    Parameters
    ----------
    generation:
        Number of the run's records that ``run`` holds.
    pump:
        Called between the parts, so that the caller can go on with more urgent work.
    """
    with h5py.File("results", "w", driver="core", backing_store=False) as file:
        _write_attributes(file, run, generation)
        learners = file.create_group(schema.LEARNERS, track_order=True)
        for name, learner in run.learners.items():
            _write_learner(learners.create_group(schema.link_name(name)), learner)
            pump()
        _write_tasks(file.create_group(schema.TASKS), run.tasks, pump)
        file.flush()
        data: bytes = file.id.get_file_image()
    return data


def _write_attributes(file: h5py.File, run: RunRecord, generation: int) -> None:
    attributes = {
        "schema_version": schema.SCHEMA_VERSION,
        "rose_mpi_version": rose_mpi.__version__,
        "generation": generation,
        "run": run.started.run,
        "status": run.status.value,
        "started": run.started.started,
        "finished": run.finished,
        "config": run.started.config,
        "seed": run.started.seed,
        "ranks": run.started.ranks,
        "hosts": " ".join(run.started.hosts),
        "lost": msgspec.json.encode(run.lost).decode(),
    }
    write_attributes(file.id, attributes)


def _write_learner(group: h5py.Group, learner: LearnerRecord) -> None:
    begun = learner.started
    attributes = {
        "kind": begun.kind,
        "status": learner.status.value,
        "stop_reason": learner.stop_reason.value if learner.stop_reason else "",
        "error": learner.error,
        "finished": learner.finished,
        "group": " ".join(map(str, begun.group)),
        "metric_name": begun.metric_name,
        "threshold": begun.threshold,
        "operator": begun.operator,
        "max_iterations": begun.max_iterations,
    }
    write_attributes(group.id, attributes)
    states = learner.iterations
    width = max((len(state.selected) for state in states), default=0)
    iteration = _scale(group, "iteration", np.array([state.iteration for state in states], dtype=np.int64))
    model = _scale(group, "model", np.array(begun.models, dtype=object))
    query = _scale(group, "query", np.arange(width))
    for name, meaning in schema.PER_ITERATION.items():
        _dataset(group, name, _per_iteration(name, states), meaning, iteration)
    _dataset(
        group, "model_metric", _model_metric(states, begun.models), schema.MODEL_METRIC, iteration, model
    )
    selected = _padded([state.selected for state in states], width, np.int64, schema.NO_CANDIDATE)
    _dataset(group, "selected", selected, schema.SELECTED, iteration, query)
    scores = _padded([state.selected_score for state in states], width, np.float64, np.nan)
    _dataset(group, "selected_score", scores, schema.SELECTED_SCORE, iteration, query)
    _write_state(group.create_group(schema.STATE, track_order=True), states, iteration)
    if learner.scored:
        _write_scored(group.create_group(schema.SCORED), learner.scored)


def _per_iteration(name: str, states: Sequence[IterationState]) -> NDArray[Any]:
    if name == "n_selected":
        return np.array([len(state.selected) for state in states], dtype=np.int64)
    kind = {"should_stop": np.int8, "candidates": np.int64}.get(name, np.float64)
    return np.array([getattr(state, name) for state in states], dtype=kind)


def _model_metric(states: Sequence[IterationState], models: Sequence[str]) -> NDArray[np.float64]:
    rows = [[state.model_metric.get(model, np.nan) for model in models] for state in states]
    return np.array(rows, dtype=np.float64).reshape(len(states), len(models))


def _padded(rows: Sequence[Sequence[float]], width: int, kind: type, padding: float) -> NDArray[Any]:
    table: NDArray[Any] = np.full((len(rows), width), padding, dtype=kind)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def _write_state(group: h5py.Group, states: Sequence[IterationState], iteration: Any) -> None:
    keys = list(dict.fromkeys(key for state in states for key in state.state))
    if len(keys) > _MAX_STATE_KEYS:
        _log.warning("%s: only the first %d of %d numbers are kept", group.name, _MAX_STATE_KEYS, len(keys))
    for key in keys[:_MAX_STATE_KEYS]:
        values = np.array([state.state.get(key, np.nan) for state in states], dtype=np.float64)
        meaning = Meaning(schema.NUMBER, f"{key}, as the iteration's tasks returned it")
        _dataset(group, schema.state_link(key), values, meaning, iteration)


def _write_scored(group: h5py.Group, scored: EnsembleScored) -> None:
    attributes = {
        "iteration": scored.iteration,
        "uncertainty": scored.uncertainty,
        "pool_uncertainty": scored.pool_uncertainty,
        "candidates": scored.candidates,
    }
    write_attributes(group.id, attributes)
    write_attributes(group.create_group(schema.CALIBRATION).id, scored.calibration)
    query = _scale(group, "query", np.arange(len(scored.selected)))
    selected = np.array(scored.selected, dtype=np.int64)
    _dataset(group, "selected", selected, schema.SELECTED, query)
    scores = np.array(scored.selected_score, dtype=np.float64)
    _dataset(group, "selected_score", scores, schema.SELECTED_SCORE, query)


def _write_tasks(group: h5py.Group, tasks: TaskTable, pump: Callable[[], None]) -> None:
    task = _scale(group, "task", np.arange(len(tasks)))
    for name, column in tasks.columns.items():
        kind = np.dtype(column.typecode) if isinstance(column, array) else TEXT
        dataset = group.create_dataset(name, shape=(len(tasks),), dtype=kind)
        for start in range(0, len(tasks), _ROWS_AT_ONCE):
            part = column[start : start + _ROWS_AT_ONCE]
            dataset[start : start + len(part)] = np.array(part, dtype=object if kind is TEXT else kind)
            pump()
        _describe(dataset.id, schema.TASK_COLUMNS[name], task)


def _scale(group: h5py.Group, name: str, values: NDArray[Any]) -> Any:
    """A dataset that is the axis of others."""
    dataset = _dataset(group, name, values, schema.SCALES[name])
    make_scale(dataset, name)
    return dataset


def _dataset(group: h5py.Group, name: str, values: NDArray[Any], meaning: Meaning, *scales: Any) -> Any:
    dataset = write_dataset(group.id, name, values)
    _describe(dataset, meaning, *scales)
    return dataset


def _describe(dataset: Any, meaning: Meaning, *scales: Any) -> None:
    write_attributes(dataset, {"units": meaning.units, "long_name": meaning.long_name})
    for dimension, scale in enumerate(scales):
        attach_scale(dataset, dimension, scale)
