"""Uncertainty: kernels, metrics, scoring and selection."""
