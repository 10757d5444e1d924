"""How a run ends when something goes wrong or somebody ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from rose_mpi.store.reader import read_results
from tests.system.launching import environment, launcher, run_rose_mpi
from tests.system.processes import eventually, ranks_of, tasks_of

LEARNERS = '\n[[learners]]\nname = "a"\n[[learners]]\nname = "b"\n'
BROKEN = """
import os, sys
from rose_mpi.cli.run import run
from rose_mpi.mpi.coordinator import Coordinator
from rose_mpi.mpi.worker import Worker

def broken(*words):
    raise RuntimeError("broken on purpose")

rank = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0"))
if rank == sys.argv[1]:
    {place} = broken
sys.exit(run(sys.argv[2], (), None, None, False, 0))
"""


@pytest.fixture
def config(tmp_path):
    """Writes a configuration whose simulation is the given command or function."""

    def write(simulation, learners=LEARNERS, count=3):
        path = tmp_path / "config.toml"
        path.write_text(
            f"[run]\nmax_iterations = 2\n[tasks.simulation]\n{simulation}\ncount = {count}\n"
            f'[tasks.training]\ncommand = "/bin/true"\n{learners}'
        )
        return path

    return write


@pytest.fixture
def endless(config):
    """A configuration whose simulation is a function that says that it began, and never ends."""
    path = config('function = "endless:endless"', count=1)
    path.with_name("endless.py").write_text(
        "import pathlib, time\n\ndef endless():\n    pathlib.Path('began').touch()\n    time.sleep(300)\n"
    )
    return path


class Run:
    """A run in the background; ends what is left of it on exit."""

    def __init__(self, ranks, config, program=("rose-mpi",)):
        command = [str(sys.executable), "-m", "rose_mpi.cli.main"] if program == ("rose-mpi",) else [*program]
        self.config = config
        self.process = subprocess.Popen(
            [*(launcher(ranks) if ranks else []), *command, str(config)],
            cwd=config.parent,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in [self.process.pid, *ranks_of(self.config), *tasks_of(self.config.parent)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.communicate()

    def wait(self, seconds=30):
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, output, errors

    def tasks_run(self, count):
        return eventually(lambda: len(tasks_of(self.config.parent)) >= count, 30)

    def nothing_left(self):
        return eventually(lambda: not tasks_of(self.config.parent) and not ranks_of(self.config))


SLEEP = 'command = "sleep 300"'


@pytest.mark.parametrize(
    ("rank", "place"), [("0", "Coordinator.run_stage"), ("1", "Worker.run"), ("2", "Worker.run")]
)
def test_an_exception_in_the_engine_of_any_rank_ends_all_and_is_told_with_its_rank(config, rank, place):
    path = config(SLEEP)
    script = path.with_name("broken.py")
    script.write_text(BROKEN.format(place=place))
    with Run(3, path, (sys.executable, str(script), rank)) as run:
        code, _, errors = run.wait()
        assert code != 0
        assert f"internal error on rank {rank}" in errors
        assert errors.count("RuntimeError: broken on purpose") == 1
        assert run.nothing_left()


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_killed_rank_ends_the_job_and_leaves_nothing_behind(config, victim):
    path = config(SLEEP)
    with Run(3, path) as run:
        assert run.tasks_run(3)
        os.kill(ranks_of(path)[victim], signal.SIGKILL)
        code, _, _ = run.wait()
        assert code != 0
        assert run.nothing_left()
    assert read_results(path.with_name("results.h5")).status in ("running", "stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_ends_a_run_without_launcher_in_order(config, number):
    path = config(SLEEP)
    with Run(0, path) as run:
        assert run.tasks_run(1)
        run.process.send_signal(number)
        code, _, errors = run.wait()
        assert code == 75, errors
        assert "Traceback" not in errors
        assert run.nothing_left()
    record = read_results(path.with_name("results.h5"))
    assert record.status == "stopped"
    assert {learner.stop_reason for learner in record.learners.values()} == {"stopped"}


def test_a_signal_to_the_launcher_ends_all_ranks_in_order(config):
    path = config(SLEEP)
    with Run(3, path) as run:
        assert run.tasks_run(3)
        run.process.send_signal(signal.SIGUSR1)
        code, _, errors = run.wait()
        assert code == 75, errors
        assert run.nothing_left()
    record = read_results(path.with_name("results.h5"))
    assert record.status == "stopped"
    assert [task.status for task in record.tasks] == ["cancelled"] * 3


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_signal_to_any_rank_ends_all_in_order(config, rank):
    path = config(SLEEP)
    with Run(3, path) as run:
        assert run.tasks_run(3)
        os.kill(ranks_of(path)[rank], signal.SIGTERM)
        code, _, errors = run.wait()
        assert code == 75, errors
        assert run.nothing_left()


def test_a_function_that_never_ends_does_not_hold_up_a_stop(endless):
    with Run(2, endless) as run:
        assert eventually(endless.with_name("began").exists, 30)
        run.process.send_signal(signal.SIGUSR1)
        code, _, errors = run.wait()
        assert code == 75, errors
        assert run.nothing_left()
    assert read_results(endless.with_name("results.h5")).status == "stopped"


def test_the_second_request_ends_at_once(endless):
    with Run(0, endless) as run:
        assert eventually(endless.with_name("began").exists, 30)
        run.process.send_signal(signal.SIGINT)
        time.sleep(1)
        run.process.send_signal(signal.SIGINT)
        start = time.monotonic()
        code, _, _ = run.wait()
        assert code != 0
        assert time.monotonic() - start < 4


def test_results_can_be_read_at_any_moment_of_a_run(config):
    path = config('command = "sleep 0.2"', count=6)
    results = path.with_name("results.h5")
    seen = []
    with Run(2, path) as run:
        while run.process.poll() is None:
            if results.exists():
                seen.append(len(read_results(results).tasks))
            time.sleep(0.01)
        code, _, errors = run.wait()
        assert code == 0, errors
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert len(read_results(results).tasks) == 2 * 2 * 7


@pytest.mark.parametrize("ranks", [0, 1, 2, 4])
def test_a_failed_learner_gives_its_own_exit_code_and_spares_the_other(config, ranks):
    learners = LEARNERS + "simulation.command = \"sh -c 'echo the reason >&2; exit 4'\"\n"
    path = config('command = "/bin/true"', learners)
    outcome = run_rose_mpi(ranks, path, cwd=path.parent, timeout=60)
    assert outcome.code == 3, outcome
    assert "the reason" in outcome.output
    assert "Traceback" not in outcome.output + outcome.errors
    learners = read_results(path.with_name("results.h5")).learners
    assert learners["a"].stop_reason == "max_iter_reached"
    assert learners["b"].stop_reason == "error"
    assert "exit code 4" in learners["b"].error


def test_a_wrong_configuration_is_told_once_whatever_the_number_of_ranks(config):
    path = config('comand = "/bin/true"')
    outcome = run_rose_mpi(4, path, cwd=path.parent, timeout=60)
    assert outcome.code == 2, outcome
    assert outcome.errors.count("unknown key") == 1
    assert "command" in outcome.errors
    assert "Traceback" not in outcome.errors
    assert not path.with_name("results.h5").exists()


def test_more_ranks_per_learner_than_ranks_is_told(config):
    path = config('command = "/bin/true"')
    outcome = run_rose_mpi(2, path, "--set", "engine.ranks_per_learner=3", cwd=path.parent, timeout=60)
    assert outcome.code == 2, outcome
    assert "ranks_per_learner" in outcome.errors
    assert not path.with_name("results.h5").exists()


@pytest.mark.parametrize("option", ["--output=/proc/x.h5", "--set=run.output=/proc/x.h5"])
def test_results_that_cannot_be_where_they_should_are_a_wrong_usage(config, option):
    path = config('command = "/bin/true"')
    outcome = run_rose_mpi(2, path, option, cwd=path.parent, timeout=60)
    assert outcome.code == 2, outcome
    assert outcome.errors.count("/proc/x.h5.lock cannot be made: ") == 1
    assert "Traceback" not in outcome.errors


def test_earlier_results_are_set_aside(config):
    path = config('command = "/bin/true"')
    for _ in range(3):
        outcome = run_rose_mpi(2, path, cwd=path.parent, timeout=60)
        assert outcome.code == 0, outcome
    names = {entry.name for entry in path.parent.iterdir()}
    assert {"results.h5", "results.1.h5", "results.2.h5"} <= names
    assert "results.1.h5" in outcome.output or "results.2.h5" in outcome.output


def test_a_launcher_that_does_not_fit_the_mpi_library_is_refused(config):
    path = config('command = "/bin/true"')
    outcome = subprocess.run(
        [sys.executable, "-m", "rose_mpi.cli.main", str(path)],
        cwd=path.parent,
        env=environment() | {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 2
    assert "started 3 processes" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_metric_that_cannot_be_imported_is_told_before_anything_runs(config):
    learners = """
[tasks.prediction]
command = "/bin/true"
[uncertainty]
metric = "mine:metric"
task_type = "regression"
query_size = 1
[ensemble]
models = ["m"]
[[learners]]
name = "a"
"""
    path = config('command = "/bin/true"', learners)
    path.with_name("mine.py").write_text(
        "import nothing_of_this_name\n\n\ndef metric(s, p):\n    return p[0]\n"
    )
    outcome = run_rose_mpi(2, path, cwd=path.parent, timeout=60)
    assert outcome.code == 2, outcome
    assert outcome.errors.count("ModuleNotFoundError: No module named 'nothing_of_this_name'") == 1
    assert not path.with_name("results.h5").exists()
