"""Learners of Python programs and what they are configured with."""

from rose_mpi.iteration import IterationState
from rose_mpi.learners.active import ParallelActiveLearner, SequentialActiveLearner
from rose_mpi.learners.configs import LearnerConfig, TaskConfig
from rose_mpi.learners.configs import LearnerConfig as ParallelLearnerConfig
from rose_mpi.learners.learner import Learner

__all__ = [
    "IterationState",
    "Learner",
    "LearnerConfig",
    "ParallelActiveLearner",
    "ParallelLearnerConfig",
    "SequentialActiveLearner",
    "TaskConfig",
]
