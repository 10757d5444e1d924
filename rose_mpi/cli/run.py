"""`rose-mpi run CONFIG`: rank 0 leads the campaign, the other ranks serve it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rose_mpi.errors import RoseError
from rose_mpi.exit_codes import ExitCode
from rose_mpi.mpi.failure import abort
from rose_mpi.mpi.first_rank import is_first_rank
from rose_mpi.mpi.session import serve
from rose_mpi.mpi.world import finalize, join_world
from rose_mpi.telling import tell

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def run(
    config_path: str,
    overrides: Sequence[str],
    output: str | None,
    max_iterations: int | None,
    quiet: bool,
    verbose: int,
    *,
    resume: bool = False,
    force: bool = False,
) -> int:
    """Run a configuration; collective over all processes of the job.

    Returns
    -------
    int
        The exit code of this process; rank 0's is the job's.
    """
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, format="rose-mpi: %(levelname)s: %(message)s")
    try:
        world = join_world()
    except RoseError as error:
        if is_first_rank():
            tell(error)
        return ExitCode.USAGE
    try:
        if world.rank:
            serve(world, pass_signals=True)
            finalize(ExitCode.DONE)
            return ExitCode.DONE

        from rose_mpi.cli.lead import lead  # noqa: PLC0415  (what only rank 0 needs)

        code = lead(world, config_path, overrides, output, max_iterations, quiet, resume=resume, force=force)
        finalize(code)
        return code
    except BaseException as error:
        abort(world, error)
        raise
