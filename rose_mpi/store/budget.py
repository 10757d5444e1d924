"""How often the log may be folded into the results file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHARE: Final = 0.02


@dataclass(slots=True)
class FoldBudget:
    """Keeps the cost of all folds, the next one included, below a share of the run's time.

    Attributes
    ----------
    spent, last:
        Seconds that all folds took, and the last one.
    """

    spent: float = 0.0
    last: float = 0.0

    def charge(self, seconds: float) -> None:
        """Count a fold, also one that failed."""
        self.spent += seconds
        self.last = seconds

    def due(self, growth: float) -> float:
        """Seconds from the run's start at which the next fold may begin.

        Parameters
        ----------
        growth:
            How many times as large as the last file the next one will be.
        """
        return (self.spent + self.last * growth) / SHARE
