"""Learners that measure uncertainty."""

from rose_mpi.learners.uncertain import ParallelUQLearner, SeqUQLearner

__all__ = ["ParallelUQLearner", "SeqUQLearner"]
