"""Trackers, at ROSE's path."""

from rose_mpi.trackers import CriterionManifest, PipelineManifest, TaskManifest, TrackerBase

__all__ = ["CriterionManifest", "PipelineManifest", "TaskManifest", "TrackerBase"]
