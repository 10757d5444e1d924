"""Uncertainty: kernels, metrics, scoring and selection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rose_mpi.uq.registry import UQ_REGISTRY, register_uq
from rose_mpi.uq.scorer import UQScorer

if TYPE_CHECKING:
    from rose_mpi.uq.ensemble import score_ensemble

__all__ = ["UQ_REGISTRY", "UQScorer", "register_uq", "score_ensemble"]


def __getattr__(name: str) -> Any:
    """Import ``score_ensemble``, and with it MPI, when it is first asked for."""
    if name == "score_ensemble":
        from rose_mpi.uq.ensemble import score_ensemble  # noqa: PLC0415

        return score_ensemble
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
