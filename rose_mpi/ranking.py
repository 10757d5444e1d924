"""Which of several learners did best."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rose_mpi.metrics import higher_is_better


@dataclass(frozen=True, slots=True)
class Standing:
    """How a learner ended.

    Attributes
    ----------
    met:
        Whether it met its criterion.
    queried:
        Candidates it chose in all; 0 where it chooses none.
    metric:
        Last value of its stop metric ``metric_name``; NaN where there is none.
    """

    learner: str
    met: bool
    iterations: int
    queried: int
    metric_name: str
    metric: float
    operator: str
    threshold: float


def ranked(standings: Iterable[Standing]) -> list[Standing]:
    """Learners from the best on; equals stay in their order.

    Those that met their criterion come first, the ones that needed fewer queries before the others, then
    those with fewer iterations, then those with the better metric. Learners that did not meet it are ranked
    by their metric first. Queries and metrics count only where all learners have them and mean the same.
    """
    rows = list(standings)
    count_queries = all(row.queried for row in rows)
    one_metric = len({(row.metric_name, row.operator) for row in rows}) == 1

    def order(row: Standing) -> tuple[bool, tuple[float, ...]]:
        effort = (row.queried if count_queries else 0, row.iterations)
        loss = _loss(row) if one_metric else 0.0
        return not row.met, (*effort, loss) if row.met else (loss, *effort)

    return sorted(rows, key=order)


def ranked_by_metric(standings: Iterable[Standing]) -> list[Standing]:
    """Learners of one metric from the best on, whether or not they met their criterion.

    Those with the better metric come first, in the direction of its operator (for equality the one nearest to
    the threshold), then those with fewer iterations, then those with fewer queries, where all learners count
    them. Those without a metric come last; equals stay in their order.
    """
    rows = list(standings)
    count_queries = all(row.queried for row in rows)
    return sorted(rows, key=lambda row: (_loss(row), row.iterations, row.queried if count_queries else 0))


def _loss(row: Standing) -> float:
    """The metric such that less is better."""
    if math.isnan(row.metric):
        return math.inf
    upwards = higher_is_better(row.operator)
    if upwards is None:
        return abs(row.metric - row.threshold)
    return -row.metric if upwards else row.metric
