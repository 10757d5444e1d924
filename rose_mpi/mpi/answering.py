"""Answers to those who wait in other threads."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def answer(future: Future[T], value: T) -> None:
    """Answer, unless the one who asked has turned away meanwhile."""
    if future.set_running_or_notify_cancel():
        future.set_result(value)


def refuse(future: Future[T], error: BaseException) -> None:
    """Answer with an error, unless the one who asked has turned away meanwhile."""
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
