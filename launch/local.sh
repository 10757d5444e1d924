#!/bin/sh
# Runs a configuration or a Python program on this machine:
#
#   sh launch/local.sh examples/quickstart/config.toml [options of rose-mpi]
#   sh launch/local.sh program.py [its arguments]
#
# The first call makes a virtual environment with all that is needed, an MPI included; see
# environment.sh for what can be chosen. RANKS=8 sets the number of ranks (default 4).
set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
. "$repo/launch/environment.sh"

[ $# -gt 0 ] || fail "usage: sh launch/local.sh CONFIG [options of rose-mpi], or PROGRAM.py [its arguments]"
prepare examples
mpi_options="$mpi_options $(survival)"
case $1 in
*.py) exec "$mpirun" $mpi_options -n "${RANKS:-4}" "$python" "$@" ;;
*) exec "$mpirun" $mpi_options -n "${RANKS:-4}" "$venv/bin/rose-mpi" "$@" ;;
esac
