"""Scores of predictions."""

from rose_mpi.uq.registry import UQ_REGISTRY, register_uq
from rose_mpi.uq.scorer import UQScorer

__all__ = ["UQ_REGISTRY", "UQScorer", "register_uq"]
