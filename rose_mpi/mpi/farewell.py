"""How ranks leave where some may have been lost, so that no collective can be used."""

from __future__ import annotations


class Farewell:
    """Each rank says when it has received everything; rank 0 dismisses all when the last one has.

    Attributes
    ----------
    over:
        Whether this rank may leave.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.over = False
        self._leads = rank == 0
        self._said = False
        self._awaited = set(range(1, size)) if self._leads else {0}
        self._others = set(self._awaited)

    @property
    def awaited(self) -> tuple[int, ...]:
        """The ranks that have said nothing yet."""
        return tuple(sorted(self._awaited))

    def due(self, idle: bool) -> tuple[int, ...]:
        """The ranks that are to be told now that this one is ``idle``, or can leave."""
        if self._said or not idle or (self._leads and self._awaited):
            return ()
        self._said = True
        self.over = self._leads
        return tuple(sorted(self._others))

    def came(self, rank: int) -> None:
        """A rank has said farewell."""
        self._awaited.discard(rank)
        self.over = self.over or not self._leads

    def forget(self, rank: int) -> None:
        """A rank will say nothing any more."""
        self._awaited.discard(rank)
        self._others.discard(rank)
