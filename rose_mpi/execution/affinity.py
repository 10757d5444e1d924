"""Which cores of a node belong to which rank."""

from __future__ import annotations

from collections.abc import Sequence


def share_of_node(
    mask: frozenset[int], peers: Sequence[tuple[int, frozenset[int]]], rank: int
) -> frozenset[int]:
    """The cores that are this rank's alone, as far as there are enough.

    Ranks with one and the same mask (the launcher did not bind them) divide it contiguously in the
    order of their numbers; if they are more than its cores, each keeps the whole mask. A mask that
    no other rank has is kept.

    Parameters
    ----------
    mask:
        Cores that this rank may use.
    peers:
        World rank and mask of every rank on the node; this one's may be among them.
    """
    sharers = sorted({rank} | {peer for peer, other in peers if other == mask})
    cores = sorted(mask)
    if len(cores) < len(sharers):
        return mask
    position = sharers.index(rank)
    first = position * len(cores) // len(sharers)
    end = (position + 1) * len(cores) // len(sharers)
    return frozenset(cores[first:end])
