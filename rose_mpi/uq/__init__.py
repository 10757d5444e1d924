"""Uncertainty: kernels, metrics, scoring and selection."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rose_mpi.uq.registry import UQ_REGISTRY, register_uq

if TYPE_CHECKING:
    from rose_mpi.uq.bald import batch_bald
    from rose_mpi.uq.centers import k_center
    from rose_mpi.uq.diverse import diverse_top_k
    from rose_mpi.uq.ensemble import score_ensemble
    from rose_mpi.uq.power import power_sample
    from rose_mpi.uq.scorer import UQScorer

__all__ = [
    "UQ_REGISTRY",
    "UQScorer",
    "batch_bald",
    "diverse_top_k",
    "k_center",
    "power_sample",
    "register_uq",
    "score_ensemble",
]

_LATER: Final = {
    "UQScorer": "rose_mpi.uq.scorer",
    "batch_bald": "rose_mpi.uq.bald",
    "diverse_top_k": "rose_mpi.uq.diverse",
    "k_center": "rose_mpi.uq.centers",
    "power_sample": "rose_mpi.uq.power",
    "score_ensemble": "rose_mpi.uq.ensemble",
}


def __getattr__(name: str) -> Any:
    """Import what needs NumPy or MPI when it is first asked for."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
