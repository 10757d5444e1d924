"""Uncertainty metrics that are functions of the user's own."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

from rose_mpi.errors import ScoreError, TaskError
from rose_mpi.execution.functions import resolve
from rose_mpi.uq.registry import adopt_metric


def load_user_metrics(metrics: Iterable[str], root: str) -> None:
    """Import the metrics that are named ``"module:function"``; the others are built in.

    Raises
    ------
    ScoreError
        If there is no such function, or its module cannot be imported; the traceback is in the message.
    """
    for metric in metrics:
        if ":" not in metric:
            continue
        try:
            adopt_metric(metric, resolve(metric, root))
        except TaskError as error:
            raise ScoreError(f"uncertainty metric {metric!r}: {error}") from error
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            raise ScoreError(f"uncertainty metric {metric!r} cannot be imported:\n{trace}") from error
