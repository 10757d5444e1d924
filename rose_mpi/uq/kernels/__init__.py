"""Compiled formulas, one per metric.

A kernel is called as ``kernel(predictions, scores, start, stop[, targets])`` and writes
``scores[start:stop]``. Predictions are finite, C-contiguous float32 or float64: probabilities
``[members, candidates, classes]`` for classification, ``[members, candidates]`` for regression. All sums are
float64, over members and classes in their order, so that a score depends on nothing but the candidate's own
predictions.
Kernels release the GIL. Importing one of the modules imports numba; a kernel is compiled when first called.
"""
