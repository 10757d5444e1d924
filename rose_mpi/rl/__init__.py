"""Reinforcement learning: experiences, banks that keep them, and the learners."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rose_mpi.rl.experience import Experience, ExperienceBank, create_experience

_EXPERIENCE: Final = "rose_mpi.rl.experience"
_LEARNERS: Final = "rose_mpi.rl.reinforcement_learner"
_LATER: Final = {
    "Experience": _EXPERIENCE,
    "ExperienceBank": _EXPERIENCE,
    "create_experience": _EXPERIENCE,
    "ParallelExperience": _LEARNERS,
    "ParallelReinforcementLearner": _LEARNERS,
    "ReinforcementLearner": _LEARNERS,
    "SequentialReinforcementLearner": _LEARNERS,
}

__all__ = [
    "Experience",
    "ExperienceBank",
    "ParallelExperience",
    "ParallelReinforcementLearner",
    "ReinforcementLearner",
    "SequentialReinforcementLearner",
    "create_experience",
]


def __getattr__(name: str) -> Any:
    """Import what needs NumPy or the learners when it is first asked for."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
