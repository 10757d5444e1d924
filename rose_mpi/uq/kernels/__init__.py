"""Compiled formulas, one per metric.

A kernel is called as ``kernel(values, offsets[, classes], scores, start, stop[, targets])`` and writes
``scores[start:stop]``. What member ``m`` says of the pool begins at ``values[offsets[m]]``, wherever that is
in memory: float32 or float64, probabilities ``[candidates, classes]`` for classification and
``[candidates]`` for regression. All sums are float64, over members and classes in their order, so that a
score depends on nothing but the candidate's own predictions.

The predictions are looked at while they are read. A kernel for classification returns whether any may be no
probabilities; one for regression gives a candidate with a value that is not finite a score that is not.
Kernels release the GIL. Importing one of the modules imports numba; a kernel is compiled when first called.
"""
