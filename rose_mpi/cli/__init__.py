"""The `rose-mpi` command."""
