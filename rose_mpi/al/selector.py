"""The best of several algorithms."""

from rose_mpi.learners.selector import AlgorithmSelector

__all__ = ["AlgorithmSelector"]
