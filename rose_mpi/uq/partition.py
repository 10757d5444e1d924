"""Which rank scores which candidates, and in which pieces."""

from __future__ import annotations

from dataclasses import dataclass

from rose_mpi.uq.evaluate import CHUNK


@dataclass(frozen=True, slots=True)
class Partition:
    """A pool divided between ranks at multiples of ``CHUNK``.

    Attributes
    ----------
    candidates:
        Size of the pool.
    ranks:
        How many share it.
    block:
        Candidates that one rank scores in one round, a multiple of ``CHUNK``.
    whole:
        Whether rank 0 scores the whole pool.
    """

    candidates: int
    ranks: int
    block: int
    whole: bool = False

    def share(self, rank: int) -> tuple[int, int]:
        """First candidate of a rank, and the one after its last."""
        if self.whole:
            return (self.candidates if rank else 0), self.candidates
        chunks = -(-self.candidates // CHUNK)
        first, after = (chunks * r // self.ranks * CHUNK for r in (rank, rank + 1))
        return min(first, self.candidates), min(after, self.candidates)

    def piece(self, rank: int, step: int) -> tuple[int, int]:
        """The candidates of a rank's share that it scores in a round; none after its last round."""
        start, stop = self.share(rank)
        return min(start + step * self.block, stop), min(start + (step + 1) * self.block, stop)

    @property
    def rounds(self) -> int:
        """Rounds until the largest share is scored."""
        largest = max(stop - start for start, stop in map(self.share, range(self.ranks)))
        return -(-largest // self.block)
