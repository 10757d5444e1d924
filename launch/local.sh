#!/bin/sh
# Runs a configuration on this machine:
#
#   sh launch/local.sh examples/quickstart/config.toml [options of rose-mpi]
#
# The first call makes a virtual environment with all that is needed, an MPI included; see
# environment.sh for what can be chosen. RANKS=8 sets the number of ranks (default 4).
set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
. "$repo/launch/environment.sh"

[ $# -gt 0 ] || fail "usage: sh launch/local.sh CONFIG [options of rose-mpi]"
prepare examples
exec "$mpirun" $mpi_options -n "${RANKS:-4}" "$venv/bin/rose-mpi" "$@"
