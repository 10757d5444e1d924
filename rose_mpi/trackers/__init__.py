"""Observers of a learner: ``learner.add_tracker(tracker)``."""

from rose_mpi.trackers.base import TrackerBase
from rose_mpi.trackers.clearml import ClearMLTracker
from rose_mpi.trackers.file import FileTracker
from rose_mpi.trackers.manifest import CriterionManifest, PipelineManifest, TaskManifest
from rose_mpi.trackers.mlflow import MLflowTracker
from rose_mpi.trackers.tensorboard import TensorBoardTracker

__all__ = [
    "ClearMLTracker",
    "CriterionManifest",
    "FileTracker",
    "MLflowTracker",
    "PipelineManifest",
    "TaskManifest",
    "TensorBoardTracker",
    "TrackerBase",
]
