"""How a run deals with tasks that wait and with tasks that fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """Which of the tasks that wait in a group is next."""

    FAIR = "fair"
    ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run's tasks are subject to.

    Attributes
    ----------
    order:
        ``fair``: a group's learners take turns; ``arrival``: first come, first served.
    retry_delay:
        Seconds before the first repetition of a failed task; twice as many before each further one.
    max_failures:
        Failed attempts with which a run ends; ``None``: any number.
    max_failures_per_learner:
        Failed attempts with which a learner ends; ``None``: any number.
    """

    order: Order = Order.FAIR
    retry_delay: float = 0.1
    max_failures: int | None = None
    max_failures_per_learner: int | None = None


DEFAULT = Policy()
