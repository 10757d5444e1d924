"""Starts `rose-mpi` and programs as their users do: by the `mpirun` of the running environment, or alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROSE_MPI = Path(sys.executable).with_name("rose-mpi")
_SESSIONS = tempfile.TemporaryDirectory(prefix="mpirun-")


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.output}\n--- stderr\n{self.errors}"


@cache
def mpirun() -> Path:
    """The launcher beside the running Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("mpirun")
    found = beside if beside.exists() else shutil.which("mpirun")
    assert found, "no mpirun beside this Python nor on PATH: run the tests by `sh launch/test.sh`"
    return Path(found)


@cache
def is_open_mpi() -> bool:
    version = subprocess.run([mpirun(), "--version"], capture_output=True, text=True, timeout=30)
    return "Open MPI" in version.stdout or "OpenRTE" in version.stdout


def launcher(ranks: int) -> list[str]:
    """The words before the command to run it on so many ranks, also beyond the cores."""
    return [str(mpirun()), *(["--oversubscribe"] if is_open_mpi() else []), "-n", str(ranks)]


def environment() -> dict[str, str]:
    """This environment, and what launchers want here: a container's root may start ranks.

    Open MPI names its session's folder by the launcher's process id, and does not start where a killed
    launcher of that id has left one: each environment names a place of its own.
    """
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    place = {"PRTE_MCA_prte_tmpdir_base": tempfile.mkdtemp(dir=_SESSIONS.name)}
    return {"OMPI_MCA_btl": "^ofi", **os.environ, **allowed, **place}


def run_rose_mpi(ranks: int, *arguments: str | Path, cwd: Path, timeout: float) -> Outcome:
    """Run `rose-mpi` on so many ranks; with 0 ranks without a launcher.

    Raises
    ------
    AssertionError
        If it has not ended after ``timeout`` seconds; all its processes are ended then.
    """
    return _run(ranks, [str(ROSE_MPI), *map(str, arguments)], cwd, timeout)


def run_python(ranks: int, script: str | Path, *arguments: str, cwd: Path, timeout: float) -> Outcome:
    """Run a Python program, as :func:`run_rose_mpi` runs `rose-mpi`."""
    return _run(ranks, [sys.executable, str(script), *arguments], cwd, timeout)


def _run(ranks: int, words: list[str], cwd: Path, timeout: float) -> Outcome:
    command = [*(launcher(ranks) if ranks else []), *words]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        outcome = _end(process)
        raise AssertionError(f"{command} was ended after {timeout} s: {outcome}") from None
    return Outcome(process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> Outcome:
    """End a launcher in order, so that it ends its ranks, and then by force."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        output, errors = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
    return Outcome(process.returncode, output, errors)
