"""Active learners."""

from rose_mpi.learners.active import ParallelActiveLearner, SequentialActiveLearner

__all__ = ["ParallelActiveLearner", "SequentialActiveLearner"]
