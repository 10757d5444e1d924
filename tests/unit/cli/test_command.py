"""The command itself, as a process."""

import os
import subprocess
import sys

import pytest

from rose_mpi import __version__
from tests.unit.config.conftest import ACTIVE, UQ, Project

HEAVY = {"mpi4py", "numba", "h5py", "pydantic", "rich", "numpy", "tomllib"}


def rose_mpi(*arguments, cwd=None, **environment):
    command = [sys.executable, "-P", "-m", "rose_mpi.cli.main", *arguments]
    clean = {
        name: value for name, value in os.environ.items() if name not in ("OMPI_COMM_WORLD_RANK", "PMI_RANK")
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_check_prints_the_plan(project):
    project.write(UQ)
    done = rose_mpi("check", "config.toml", cwd=project.folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == "digits: 2 learners"
    assert "entropy (uq)" in lines
    assert "  simulation  × 3  {python} {config_dir}/label.py" in lines
    assert "  prediction  × 3  function mymodule:predict" in lines
    assert "  simulation gets 0: --n 100; 5: --n 200; otherwise: --n 500" in lines
    assert "  prediction gets noise 0.1 at iteration 0, noise 0.095 at 1" in lines
    assert "  models       mlp, forest, logistic" in lines
    assert "  stops when   model_accuracy >= 0.93 or 12 iterations are done" in lines


def test_check_shows_equal_learners_once(project):
    project.write(ACTIVE + '[[learners]]\nname = "walker"\nrepeat = 1000\n')
    done = rose_mpi("check", "config.toml", cwd=project.folder)
    assert "walker-0 … walker-999 (1000 learners) (active)" in done.stdout
    assert len(done.stdout.splitlines()) < 12


def test_check_tells_all_faults(project):
    project.write(UQ.replace("seed = 7", "sed = 7").replace("{python} train.py", "{python} trian.py"))
    done = rose_mpi("check", "config.toml", cwd=project.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "rose-mpi: config.toml has 2 faults:",
        "  line 4, run.sed: unknown key 'sed'; did you mean 'seed'?",
        "  line 17, tasks.training.command: missing script"
        f" '{project.folder}/trian.py'; did you mean 'train.py'?",
    ]


def test_check_takes_settings(project):
    project.write(UQ)
    assert (
        "40 candidates" in rose_mpi("check", "--set", "uncertainty.query_size=40", str(project.config)).stdout
    )
    done = rose_mpi("check", "--set", "run.seed=x", str(project.config))
    assert done.returncode == 2
    assert "--set run.seed: must be a whole number, not 'x'" in done.stderr


def test_check_needs_neither_mpi_nor_numba_nor_h5py(project):
    project.write(UQ)
    script = (
        "import sys; from rose_mpi.cli.check import check; check(sys.argv[1]);"
        "print({'mpi4py', 'numba', 'h5py'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, project.config], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["check", "--help"]])
def test_help_is_light(arguments):
    script = (
        "import sys\nfrom rose_mpi.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "print(sorted(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    loaded = {name.split(".")[0] for name in eval(done.stderr)}
    assert "click" in loaded
    assert not HEAVY & loaded


def test_the_version_tells_more_when_asked():
    answer = rose_mpi("--version", "-v")
    assert answer.returncode == 0, answer.stderr
    first, library, ranks, place = answer.stdout.strip().splitlines()
    assert first.startswith(f"rose-mpi {__version__}, Python ")
    assert "MPI" in library
    assert ranks == "1 rank on 1 host"
    assert "cores " in place


def test_verbose_in_front_of_a_configuration_is_an_option_of_run():
    answer = rose_mpi("-v", "nowhere.toml")
    assert (answer.returncode, "there is no file 'nowhere.toml'" in answer.stderr) == (2, True)


def test_version():
    assert rose_mpi("--version").stdout.strip().endswith(__version__)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc", "config.toml"], "there is no command and no file 'chekc'; did you mean 'check'?"),
        (["report"], "there is no command and no file 'report'; the commands are run, check, status"),
        (["report", "x.h5"], "there is no command and no file 'report'; the commands are run, check, status"),
        (["results.h5"], "there is no command and no file 'results.h5'; the commands are"),
        (["x" * 300], "there is no command and no file 'xxx"),
        (["confg"], "there is no command and no file 'confg'; did you mean 'config.toml'?"),
        (["confg.toml", "--quiet"], "there is no file 'confg.toml'; did you mean 'config.toml'?"),
        (["check"], "Missing argument 'CONFIG'"),
        (["check", "confg.toml"], "there is no file 'confg.toml'; did you mean 'config.toml'?"),
        (["check", "config.toml", "--sett", "a=1"], "No such option"),
        (["config.toml", "--max-iter", "0"], "Invalid value for '--max-iter'"),
        (["config.toml", "other.toml"], "unexpected extra argument"),
        ([], "Usage:"),
    ],
)
def test_wrong_usage(project, arguments, message):
    project.write(ACTIVE)
    done = rose_mpi(*arguments, cwd=project.folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_told_by_the_first_rank_alone():
    for rank, code in (("0", 2), ("1", 0)):
        done = rose_mpi("check", OMPI_COMM_WORLD_RANK=rank)
        assert (done.returncode, bool(done.stderr)) == (code, rank == "0")


def test_output_that_cannot_show_every_character(project):
    project.write(UQ)
    done = rose_mpi("check", str(project.config), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "entropy (uq)" in done.stdout


@pytest.mark.parametrize("words", [["run", "config.toml"], ["config.toml"], ["--quiet", "config.toml"]])
def test_run_may_be_left_out(monkeypatch, words):
    calls = _recorded_runs(monkeypatch)
    with pytest.raises(SystemExit) as end:
        _main(monkeypatch, *words)
    assert end.value.code == 3
    assert calls == [("config.toml", (), None, None, "--quiet" in words, 0, False, False)]


def test_run_hands_on_its_options(monkeypatch):
    calls = _recorded_runs(monkeypatch)
    options = ["--output", "o.h5", "--max-iter", "4", "-vv", "--set", "run.seed=1", "--set", "a=b"]
    with pytest.raises(SystemExit):
        _main(monkeypatch, "config.toml", *options)
    assert calls == [("config.toml", ("run.seed=1", "a=b"), "o.h5", 4, False, 2, False, False)]
    with pytest.raises(SystemExit):
        _main(monkeypatch, "config.toml", "--resume", "--force")
    assert calls[1:] == [("config.toml", (), None, None, False, 0, True, True)]


def test_force_alone_is_refused(project):
    done = rose_mpi("config.toml", "--force", cwd=project.folder)
    assert (done.returncode, done.stderr) == (2, "rose-mpi: --force has no effect without --resume\n")


def _recorded_runs(monkeypatch):
    """Replace what ``run`` starts by a note of how it was called."""
    calls = []
    module = type(sys)("rose_mpi.cli.run")
    module.run = lambda *arguments, **named: calls.append((*arguments, *named.values())) or 3
    monkeypatch.setitem(sys.modules, "rose_mpi.cli.run", module)
    return calls


def _main(monkeypatch, *words):
    from rose_mpi.cli.main import main

    monkeypatch.setattr(sys, "argv", ["rose-mpi", *words])
    main()
