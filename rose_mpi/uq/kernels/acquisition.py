"""Kernels that say how much a candidate promises to an optimisation, over values ``[members, candidates]``.

The members stand for a normal distribution with their mean and standard deviation (divided by their number).
``maximise`` is 1 where large values are wanted and 0 where small ones are. Scores are larger for the more
promising candidates either way.
"""

from __future__ import annotations

from math import erfc, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from rose_mpi.uq.kernels.jit import jit
from rose_mpi.uq.kernels.moments import MOMENTS, ORIGIN, SQUARES, TILE, sum_differences, variance_of

_ROOT_HALF = sqrt(0.5)
_PEAK = 1.0 / sqrt(2.0 * pi)


@jit
def _fill_mean_and_std(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    first: int,
    last: int,
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
    moments: NDArray[np.float64],
) -> None:
    members = offsets.size
    sum_differences(values, offsets, first, last, moments)
    for i in range(last - first):
        mean[i] = moments[ORIGIN + i] + moments[i] / members
        std[i] = sqrt(variance_of(moments[i], moments[SQUARES + i], members))


@jit
def _share_below(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * erfc(-z * _ROOT_HALF)


@jit
def _expected_gain(gain: float, std: float) -> float:
    """Mean of the positive part of a normal with mean ``gain``."""
    if std == 0.0:
        return max(gain, 0.0)
    z = gain / std
    return max(gain * _share_below(z) + std * _PEAK * exp(-0.5 * z * z), 0.0)


@jit
def _chance_of_gain(gain: float, std: float) -> float:
    """Probability that a normal with mean ``gain`` is positive."""
    if std == 0.0:
        return 1.0 if gain > 0.0 else 0.0
    return _share_below(gain / std)


@jit
def expected_improvement(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    best: float,
    xi: float,
    maximise: float,
) -> None:
    """Mean of what a candidate may improve on ``best`` by more than ``xi`` (Mockus 1978; Jones et al. 1998).

    ``g F(z) + s f(z)`` with ``z = g / s``, where ``g`` is by how much the mean surpasses ``best`` and ``xi``,
    ``s`` the standard deviation, and ``F`` and ``f`` distribution and density of the standard normal.
    """
    mean, std, moments = np.empty(TILE), np.empty(TILE), np.empty(MOMENTS)
    sign = 1.0 if maximise else -1.0
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        _fill_mean_and_std(values, offsets, first, last, mean, std, moments)
        for i in range(last - first):
            scores[first + i] = _expected_gain(sign * (mean[i] - best) - xi, std[i])


@jit
def probability_of_improvement(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    best: float,
    xi: float,
    maximise: float,
) -> None:
    """Probability that a candidate improves on ``best`` by more than ``xi`` (Kushner 1964): ``F(z)``."""
    mean, std, moments = np.empty(TILE), np.empty(TILE), np.empty(MOMENTS)
    sign = 1.0 if maximise else -1.0
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        _fill_mean_and_std(values, offsets, first, last, mean, std, moments)
        for i in range(last - first):
            scores[first + i] = _chance_of_gain(sign * (mean[i] - best) - xi, std[i])


@jit
def upper_confidence_bound(
    values: NDArray[np.floating],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float64],
    start: int,
    stop: int,
    kappa: float,
    maximise: float,
) -> None:
    """Mean and ``kappa`` standard deviations (Srinivas et al. 2010).

    To minimise it is the lower bound with its sign changed, ``kappa`` standard deviations less the mean (Cox
    and John 1992).
    """
    mean, std, moments = np.empty(TILE), np.empty(TILE), np.empty(MOMENTS)
    sign = 1.0 if maximise else -1.0
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        _fill_mean_and_std(values, offsets, first, last, mean, std, moments)
        for i in range(last - first):
            scores[first + i] = sign * mean[i] + kappa * std[i]
