"""Large data within what is pickled."""

from __future__ import annotations

from pickle import PickleBuffer
from typing import Final

LARGE: Final = 1 << 16
"""Bytes from which data is pickled out of band."""


def out_of_band(data: bytes) -> bytes | PickleBuffer:
    """Data as :mod:`pickle` may leave it where it is, if it is large (PEP 574)."""
    return PickleBuffer(data) if len(data) >= LARGE else data
