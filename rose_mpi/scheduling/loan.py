"""A rank that another leader lends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Loan:
    """A borrowed rank.

    Attributes
    ----------
    functions:
        Whether it may run Python functions.
    recalled:
        Whether its owner needs it.
    used:
        Whether it was given a task.
    """

    owner: int
    functions: bool
    recalled: bool = False
    used: bool = False
