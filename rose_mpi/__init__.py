"""rose-mpi: active, uncertainty-driven and reinforcement learning loops on MPI.

Importing this package starts no MPI and loads neither numba nor h5py, so that
task scripts may import from it freely.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
