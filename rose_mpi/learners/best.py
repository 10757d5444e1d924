"""The best value known so far, which acquisition metrics compare with."""

from __future__ import annotations

from rose_mpi.errors import ScoreError
from rose_mpi.learners.memory import Memory
from rose_mpi.learners.spec import Uncertainty
from rose_mpi.uq.parameters import BEST, MAXIMISE
from rose_mpi.uq.registry import UQ_REGISTRY


def parameters_now(wanted: Uncertainty, memory: Memory) -> dict[str, float]:
    """The parameters of metric and batch as numbers.

    Where ``best`` is no number it is the smallest number (to maximise: the largest) that tasks returned by
    this name in all iterations so far, and by default that which they call ``best``.

    Raises
    ------
    ScoreError
        If it is needed and no task returned one.
    """
    numbers = {name: value for name, value in wanted.parameters.items() if not isinstance(value, str)}
    metric = UQ_REGISTRY.get(wanted.metric)
    if metric is None or BEST not in metric.parameters or BEST in numbers:
        return numbers
    name = str(wanted.parameters.get(BEST, BEST))
    known = memory.extremes(name)
    if known is None:
        raise ScoreError(
            f"{wanted.metric} needs the best value known so far: no task has returned a number {name!r}; "
            f"return one from the simulation, or give the parameter 'best'"
        )
    return {**numbers, BEST: known[1] if numbers.get(MAXIMISE) else known[0]}
