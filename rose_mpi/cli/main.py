"""The ``rose-mpi`` command.

What a subcommand needs is imported when it runs, so that ``rose-mpi --help`` is quick and loads no MPI.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from rose_mpi import __version__
from rose_mpi.errors import UsageError
from rose_mpi.exit_codes import ExitCode
from rose_mpi.mpi.first_rank import is_first_rank
from rose_mpi.nearest import did_you_mean
from rose_mpi.telling import tell

_INTERRUPTED = 130


class _Commands(click.Group):
    """The subcommands; ``run`` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` first where the first word is neither a command nor an option of this group."""
        own_options = {option for parameter in self.get_params(ctx) for option in parameter.opts}
        if "--version" not in args:
            own_options -= {"-v", "--verbose"}
        if args and args[0] not in {*self.commands, *own_options}:
            self._refuse_unknown(args[0], ctx)
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def _refuse_unknown(self, word: str, ctx: click.Context) -> None:
        """Refuse what is neither a command nor a configuration."""
        if word.startswith("-") or word.endswith(".toml") or os.path.exists(word):  # noqa: PTH110  (any text)
            return
        beside = [path.name for path in Path(word).parent.glob("*.toml")]
        hint = did_you_mean(Path(word).name, [*self.commands, *beside])
        commands = f"; the commands are {', '.join(self.commands)}"
        raise click.UsageError(f"there is no command and no file {word!r}{hint or commands}", ctx=ctx)


_overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the configuration; repeatable.",
)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.option("--version", is_flag=True, help="Show the version, with -v also MPI, ranks, cores and GPUs.")
@click.option("-v", "--verbose", is_flag=True, help="With --version: show more.")
@click.pass_context
def _commands(context: click.Context, version: bool, verbose: bool) -> None:
    """Run learning loops on MPI.

    `mpirun -n 16 rose-mpi CONFIG` is short for `mpirun -n 16 rose-mpi run CONFIG`.
    """
    if version and verbose:
        from rose_mpi.cli.version import print_environment  # noqa: PLC0415

        context.exit(print_environment())
    if version:
        click.echo(f"rose-mpi {__version__}")
        context.exit()
    if context.invoked_subcommand is None:
        raise click.UsageError("Missing command.", ctx=context)


@_commands.command()
@click.argument("config")
@click.option("--output", metavar="FILE", help="Results file, instead of the one in [run].")
@click.option(
    "--max-iter", type=click.IntRange(min=1), metavar="N", help="Iterations at most, for every learner."
)
@click.option("--resume", is_flag=True, help="Go on where the run was interrupted, if it was begun.")
@click.option("--force", is_flag=True, help="With --resume: also with a configuration that has changed.")
@click.option("--quiet", is_flag=True, help="Show only errors.")
@click.option("-v", "--verbose", count=True, help="Log more; -vv still more.")
@_overrides
def run(
    config: str,
    output: str | None,
    max_iter: int | None,
    resume: bool,
    force: bool,
    quiet: bool,
    verbose: int,
    overrides: tuple[str, ...],
) -> None:
    """Run a configuration, under mpirun, srun or alone."""
    if force and not resume:
        raise UsageError("--force has no effect without --resume")
    from rose_mpi.cli.run import run as run_config  # noqa: PLC0415

    sys.exit(run_config(config, overrides, output, max_iter, quiet, verbose, resume=resume, force=force))


@_commands.command()
@click.argument("config")
@_overrides
def check(config: str, overrides: tuple[str, ...]) -> None:
    """Check a configuration and show what it would run; needs no MPI."""
    from rose_mpi.cli.check import check as check_config  # noqa: PLC0415

    check_config(config, overrides)


@_commands.command()
@click.argument("file")
def status(file: str) -> None:
    """Show how far the run of a results file is, also while it goes on.

    Exit code 0: done; 3: ended, and a learner failed; 75: it runs or can be resumed; 2: no such file.
    """
    from rose_mpi.cli.status import status as show_status  # noqa: PLC0415

    sys.exit(show_status(file))


def main() -> None:
    """Entry point of the ``rose-mpi`` command; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(_commands.main(standalone_mode=False))
    except click.Abort:
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        _end_once(error.show, error.exit_code)
    except UsageError as error:
        _end_once(partial(tell, error), ExitCode.USAGE)


def _end_once(say: Callable[[], None], code: int) -> NoReturn:
    """Tell a wrong usage, on the first of the ranks alone, and end with its exit code.

    The other ranks end with 0, because a launcher kills the first one as soon as another fails.
    """
    if not is_first_rank():
        sys.exit(0)
    say()
    sys.exit(code)


if __name__ == "__main__":
    main()
