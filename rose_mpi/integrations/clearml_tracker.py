"""The ClearML tracker, at ROSE's path."""

from rose_mpi.trackers import ClearMLTracker

__all__ = ["ClearMLTracker"]
