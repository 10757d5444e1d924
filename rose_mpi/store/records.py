"""What the log keeps of each event, as bytes and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np

from rose_mpi.events import (
    EnsembleScored,
    Event,
    GroupChanged,
    IterationFinished,
    LearnerFinished,
    LearnerStarted,
    RankLost,
    RunFinished,
    RunStarted,
    TaskFinished,
    TasksRepeated,
)
from rose_mpi.iteration import IterationState
from rose_mpi.store.values import NOT_KEPT, registered_text, text_of
from rose_mpi.tasks import TaskResult

NO_EXIT_CODE: Final = -1


class TaskRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attempt of a task: a row of ``/tasks``; times are seconds since 1970-01-01.

    Attributes
    ----------
    exit_code:
        :data:`NO_EXIT_CODE` where there was none (functions, signals).
    result:
        The value as JSON text (see :func:`rose_mpi.store.values.text_of`); empty unless ``done``.
    cpu_seconds, max_rss:
        Processor time in seconds, and the largest resident set in bytes.
    registered:
        State that it registered (see :func:`rose_mpi.store.values.registered_text`).
    """

    learner: str
    iteration: int
    stage: str
    index: int
    model: str
    attempt: int
    rank: int
    host: str
    queued: float
    started: float
    finished: float
    status: str
    exit_code: int
    signal: str
    error: str
    result: str
    cpu_seconds: float
    max_rss: int
    registered: str = ""


Record = (
    RunStarted
    | LearnerStarted
    | GroupChanged
    | TaskRow
    | TasksRepeated
    | EnsembleScored
    | RankLost
    | IterationFinished
    | LearnerFinished
    | RunFinished
)

# A record's first byte is its place in this list: add new kinds at the end.
_KINDS: Final[tuple[type[Record], ...]] = (
    RunStarted,
    LearnerStarted,
    TaskRow,
    IterationFinished,
    LearnerFinished,
    RunFinished,
    GroupChanged,
    TasksRepeated,
    EnsembleScored,
    RankLost,
)
_CODES: Final = {kind: bytes([code]) for code, kind in enumerate(_KINDS)}
_DECODERS: Final = tuple(msgspec.msgpack.Decoder(kind) for kind in _KINDS)


def record_of(event: Event) -> Record:
    """What is kept of an event: nothing in it changes any more when a task's value does."""
    if isinstance(event, TaskFinished):
        return _row(event.result)
    if isinstance(event, IterationFinished):
        return IterationFinished(_kept(event.state))
    if isinstance(event, LearnerFinished):
        return replace(event, error=_clean(event.error))
    return event


def _kept(state: IterationState) -> IterationState:
    """The state without what other records say and what is no number."""
    numbers = {_clean(key): number for key, number in state.numbers.items()}
    return replace(state, state=numbers, metric_history=(), learner_id=None, current_config=None)


def encode(record: Record) -> bytes:
    """A record as a byte for its kind and msgpack."""
    return _CODES[type(record)] + _ENCODER.encode(record)


def decode(payload: bytes) -> Record:
    """The record whose bytes :func:`encode` gave.

    Raises
    ------
    ValueError
        If the bytes are no record of this version.
    """
    if not payload or payload[0] >= len(_DECODERS):
        raise ValueError(f"unknown kind of record {payload[:1]!r}")
    record: Record = _DECODERS[payload[0]].decode(payload[1:])
    return record


def _row(result: TaskResult) -> TaskRow:
    task = result.id
    return TaskRow(
        task.learner,
        task.iteration,
        task.stage,
        task.index,
        task.model,
        result.attempt,
        result.rank,
        result.host,
        result.queued,
        result.started,
        result.finished,
        result.status.value,
        NO_EXIT_CODE if result.exit_code is None else result.exit_code,
        result.signal,
        _clean(result.error),
        text_of(result.value) if result.done else NOT_KEPT,
        result.cpu_seconds,
        result.max_rss,
        registered_text(result.registered) if result.done else "",
    )


def _clean(text: str) -> str:
    """Text from outside without what HDF5 and UTF-8 cannot hold: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be recorded")


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
