"""rose-mpi: active, uncertainty-driven and reinforcement learning loops on MPI.

Importing this package starts no MPI and loads neither numba nor h5py, so that
task scripts may import from it freely.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rose_mpi.iteration import IterationState
    from rose_mpi.learners.configs import LearnerConfig, TaskConfig
    from rose_mpi.learners.learner import Learner
    from rose_mpi.trackers.base import TrackerBase
    from rose_mpi.trackers.manifest import PipelineManifest

__version__ = "0.1.0"

__all__ = [
    "IterationState",
    "Learner",
    "LearnerConfig",
    "PipelineManifest",
    "TaskConfig",
    "TrackerBase",
    "__version__",
]

_LATER: Final = {
    "IterationState": "rose_mpi.iteration",
    "Learner": "rose_mpi.learners.learner",
    "LearnerConfig": "rose_mpi.learners.configs",
    "PipelineManifest": "rose_mpi.trackers.manifest",
    "TaskConfig": "rose_mpi.learners.configs",
    "TrackerBase": "rose_mpi.trackers.base",
}
_MODULES: Final = {
    "active_learner": "rose_mpi.al.active_learner",
    "al": "rose_mpi.al",
    "metrics": "rose_mpi.metrics",
    "reinforcement_learner": "rose_mpi.rl.reinforcement_learner",
    "rl": "rose_mpi.rl",
    "selector": "rose_mpi.al.selector",
    "uq": "rose_mpi.uq",
    "uq_active_learner": "rose_mpi.uq.uq_active_learner",
    "uq_learner": "rose_mpi.uq.uq_learner",
    "uq_scorer": "rose_mpi.uq.uq_scorer",
}


def __getattr__(name: str) -> Any:
    """Import what needs more than this package when it is first asked for."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    metrics = import_module(f"{__name__}.metrics")
    if name.isupper() and hasattr(metrics, name):
        return getattr(metrics, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
