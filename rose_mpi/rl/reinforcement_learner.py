"""Reinforcement learners."""

from rose_mpi.learners.reinforcement import (
    ParallelExperience,
    ParallelReinforcementLearner,
    ReinforcementLearner,
    SequentialReinforcementLearner,
)

__all__ = [
    "ParallelExperience",
    "ParallelReinforcementLearner",
    "ReinforcementLearner",
    "SequentialReinforcementLearner",
]
