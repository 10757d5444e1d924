"""Learners that measure uncertainty, and their configuration."""

from rose_mpi.learners.configs import UQLearnerConfig
from rose_mpi.learners.uncertain import ParallelUQLearner, SeqUQLearner, UQLearner

__all__ = ["ParallelUQLearner", "SeqUQLearner", "UQLearner", "UQLearnerConfig"]
