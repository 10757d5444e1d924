"""Active learning."""

from rose_mpi.learners.active import ParallelActiveLearner, SequentialActiveLearner
from rose_mpi.learners.selector import AlgorithmSelector

__all__ = ["AlgorithmSelector", "ParallelActiveLearner", "SequentialActiveLearner"]
