"""The results of a run: one HDF5 file and the log beside it."""
