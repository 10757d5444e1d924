#!/bin/sh
# Runs the tests, all of them or the parts named:
#
#   sh launch/test.sh [unit] [system] [mpi_1] [mpi_2] [mpi_4]
#
# The first call makes a virtual environment with all that is needed, an MPI included; see environment.sh.
set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
. "$repo/launch/environment.sh"

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export PRTE_MCA_prte_tmpdir_base=$logs/mpirun # where no killed launcher of the same process id has left its files
mkdir "$logs/mpirun"
failed=
color=no
[ ! -t 1 ] || color=yes # Open MPI hides from its ranks whether this is a terminal

run_pytest() {
    timeout --foreground -k 10 1200 "$python" -m pytest -q --color=$color "$@"
}

# Only rank 0 writes to the terminal; what the others write is shown where they fail.
run_mpi() {
    rm -f "$logs"/rank-*
    timeout --foreground -k 10 600 "$mpirun" $mpi_options -n "$1" sh launch/quiet_rank.sh "$logs" \
        "$python" -m pytest -q --color=$color -p no:cacheprovider --with-mpi tests/mpi && return
    code=$?
    for log in "$logs"/rank-*; do
        [ -s "$log" ] && echo "--- ${log##*/}" && tail -n 60 "$log"
    done
    [ "$code" != 124 ] && [ "$code" != 137 ] || echo "rose-mpi: the tests on $1 ranks were ended after 600 s"
    return "$code"
}

run() {
    echo "=== $1"
    case $1 in
    unit) run_pytest tests --ignore=tests/mpi --ignore=tests/system --ignore=tests/chaos ;;
    system) run_pytest tests/system tests/chaos ;;
    mpi_[0-9]*) run_mpi "${1#mpi_}" ;;
    *) fail "no part of the tests is called '$1'; there are: unit system mpi_1 mpi_2 mpi_4" ;;
    esac || failed="$failed $1"
}

prepare test
cd "$repo"
[ $# -gt 0 ] || set -- unit system mpi_1 mpi_2 mpi_4
for part in "$@"; do run "$part"; done
[ -z "$failed" ] || fail "these tests failed:$failed"
