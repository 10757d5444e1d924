"""Libraries that only those install who use their tracker."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def library(name: str, extra: str) -> Any:
    """The library's module.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f"{name} is not installed: pip install rose-mpi[{extra}]", name=name) from error
