"""Trackers of other libraries, at ROSE's paths."""
