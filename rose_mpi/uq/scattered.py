"""Predictions of several members, each in memory of its own, as compiled formulas take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


def as_one(predictions: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """One array that begins at the member lowest in memory and reaches over all, and where each begins in it.

    What lies between the members is not theirs and must not be touched, and the members must outlive the
    array. Nothing is copied.

    Parameters
    ----------
    predictions:
        C-contiguous and aligned arrays of one shape and type, at least one.
    """
    addresses = np.array([rows.__array_interface__["data"][0] for rows in predictions], dtype=np.int64)
    lowest = int(addresses.argmin())
    rows = predictions[lowest].reshape(-1)
    offsets = (addresses - addresses[lowest]) // rows.itemsize
    length = int(offsets.max()) + rows.size
    return as_strided(rows, (length,), (rows.itemsize,), writeable=False), offsets
