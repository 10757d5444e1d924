"""The MLflow tracker, at ROSE's path."""

from rose_mpi.trackers import MLflowTracker

__all__ = ["MLflowTracker"]
