"""Writes down a run as lines of JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from rose_mpi.iteration import IterationState
from rose_mpi.trackers.base import TrackerBase
from rose_mpi.trackers.manifest import PipelineManifest
from rose_mpi.trackers.numbers import configuration

_FIELDS: Final = (
    "learner",
    "learner_id",
    "iteration",
    "started",
    "finished",
    "metric_name",
    "metric_value",
    "metric_threshold",
    "model_metric",
    "uncertainty",
    "pool_uncertainty",
    "selected",
    "selected_score",
    "should_stop",
)


class FileTracker(TrackerBase):
    """Appends one JSON object a line, with ``event`` (``start``, ``iteration``, ``stop``) and ``time``.

    Each line is handed to the system at once, so the file can be read while the run goes on. NumPy arrays
    become lists, NaN and infinity null, and what JSON cannot hold its ``repr``.

    Parameters
    ----------
    path:
        The file; what it has already is kept.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()

    def on_start(self, manifest: PipelineManifest) -> None:
        """Write what the learner is made of, on a line of its own after a killed run too."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _end_torn_line(self._path)
        self._append("start", {"manifest": manifest})

    def on_iteration(self, state: IterationState) -> None:
        """Write what the iteration came to, and the arguments its tasks were given."""
        fields: dict[str, Any] = {name: getattr(state, name) for name in _FIELDS}
        fields["state"] = _each(state.state)
        fields["config"] = {task: _each(arguments) for task, arguments in configuration(state).items()}
        self._append("iteration", fields)

    def on_stop(self, final_state: IterationState | None, reason: str) -> None:
        """Write why the learner stopped, and its last iteration."""
        iteration = None if final_state is None else final_state.iteration
        self._append("stop", {"reason": reason, "final_iteration": iteration})

    def _append(self, event: str, fields: Mapping[str, Any]) -> None:
        line = _encoder.encode({"event": event, "time": time.time(), **_each(fields)}) + b"\n"
        with self._path.open("ab") as file:
            file.write(line)


def _end_torn_line(path: Path) -> None:
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.write(b"\n")


def _each(values: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    return {_text(key): msgspec.Raw(_json(value)) for key, value in values.items()}


def _json(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encoder.encode(repr(value))


def _text(key: Any) -> str:
    return str(key).encode(errors="backslashreplace").decode()


def _plain(value: Any) -> Any:
    """A value that JSON can say for one that the encoder does not know."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return "".join(value)
    return repr(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)
