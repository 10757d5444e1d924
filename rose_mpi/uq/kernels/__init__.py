"""Compiled formulas, one per metric.

A kernel is called as ``kernel(predictions, scores, start, stop[, targets])`` and writes
``scores[start:stop]``. Predictions are C-contiguous float32 or float64, ``[members, candidates, classes]``
of probabilities for classification and ``[members, candidates]`` for regression; all sums are float64, over
members and classes in their order, so that a score depends on nothing but the candidate's own predictions.
Kernels release the GIL. Importing one of the modules imports numba; a kernel is compiled when first called.
"""
