"""The words that start a command as several processes."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from rose_mpi.errors import TaskError
from rose_mpi.execution import launcher
from rose_mpi.execution.executable import spawn_of
from rose_mpi.execution.launcher import Place, launched
from rose_mpi.tasks import Task
from tests.unit.execution.support import call_of

ONE_HOST = (Place("n1", frozenset({2})), Place("n1", frozenset({3, 1})))
TWO_HOSTS = (*ONE_HOST, Place("n2", frozenset({7})))
COMMAND = ("/bin/heat", "--n", "3")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Makes programs on a PATH with nothing else, and a Python with no mpiexec beside it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no" / "python"))

    def make(name, says=""):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)
        launcher._is_open_mpi.cache_clear()
        return str(path)

    return make


def words(places, environ=None, template="", cores=1, **variables):
    given = launched(COMMAND, places, cores, variables, template, environ or {})
    return [word.removeprefix(f"{os.environ['PATH']}/") for word in given]


def test_the_processes_may_use_the_cores_of_all_ranks_on_the_first_host(programs):
    programs("mpiexec")
    programs("taskset")
    assert words(TWO_HOSTS)[:4] == ["taskset", "--cpu-list", "1,2,3", "mpiexec"]
    assert words((Place("n1", frozenset()),) * 2)[0] == "mpiexec"


@pytest.mark.parametrize("version", ["mpiexec (Open MPI) 5.0.11", "mpiexec (OpenRTE) 4.1.4"])
def test_open_mpi_is_told_how_many_processes_each_host_takes(programs, version):
    programs("mpiexec", version)
    assert words(ONE_HOST, ROSE_TASK="t") == [
        "mpiexec",
        "--host",
        "n1:2",
        "--bind-to",
        "none",
        "--stdin",
        "none",
        "-n",
        "2",
        *COMMAND,
    ]
    assert words(TWO_HOSTS, ROSE_TASK="t") == [
        *("mpiexec", "--host", "n1:2,n2:1", "--bind-to", "none", "--stdin", "none", "-n", "3"),
        *("-x", "ROSE_TASK"),
        *COMMAND,
    ]


def test_mpich_starts_nothing_elsewhere_for_one_host(programs):
    programs("mpiexec", "HYDRA build details:")
    assert words(ONE_HOST) == ["mpiexec", "-launcher", "fork", "-hosts", "n1:2", "-n", "2", *COMMAND]
    assert words(TWO_HOSTS) == ["mpiexec", "-hosts", "n1:2,n2:1", "-n", "3", *COMMAND]


def test_the_mpiexec_beside_this_python_comes_first(programs, tmp_path, monkeypatch):
    programs("mpiexec", "mpiexec (Open MPI) 5.0.11")
    (tmp_path / "bin").mkdir()
    beside = programs("bin/mpiexec", "HYDRA build details:")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert launched(COMMAND, ONE_HOST, 1, {}, environ={})[0] == beside


SRUN = "srun --overlap --exact --export=ALL -n 3 -N 2 -m arbitrary"


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "#!/bin/sh\nsleep 60\n"])
def test_an_mpiexec_that_does_not_answer_is_left_to_fail_as_a_task(programs, monkeypatch, text):
    monkeypatch.setattr(launcher, "_ANSWER_SECONDS", 0.2)
    Path(programs("mpiexec")).write_text(text)
    assert words(ONE_HOST)[0] == "mpiexec"


@pytest.mark.parametrize(
    ("environ", "name", "start"),
    [
        ({"SLURM_STEP_ID": "0"}, "srun", f"{SRUN} -w n1,n1,n2 -c 1"),
        ({"FLUX_URI": "local:///x"}, "flux", "flux run -n 3 -c 1 --requires=hosts:n1,n2"),
        ({"PALS_APID": "x"}, "mpiexec", "mpiexec -n 3 --ppn 2 --depth 1 --hosts n1,n2"),
        ({"SLURM_STEP_ID": "0", "OMPI_COMM_WORLD_SIZE": "4"}, "mpiexec", "mpiexec -hosts n1:2,n2:1 -n 3"),
        ({"SLURM_STEP_ID": "0", "HYDI_CONTROL_FD": "4"}, "mpiexec", "mpiexec -hosts n1:2,n2:1 -n 3"),
    ],
)
def test_what_started_the_ranks_starts_the_command(programs, environ, name, start):
    programs(name)
    assert words(TWO_HOSTS, environ) == [*start.split(), *COMMAND]


@pytest.mark.parametrize(
    ("environ", "name", "said"),
    [
        ({"SLURM_STEP_ID": "0"}, "srun", "-c 4"),
        ({"FLUX_URI": "local:///x"}, "flux", "-c 4"),
        ({"PALS_APID": "x"}, "mpiexec", "--depth 4"),
    ],
)
def test_what_gives_out_cores_is_told_how_many_each_process_needs(programs, environ, name, said):
    programs(name)
    assert f" {said} " in " ".join(words(TWO_HOSTS, environ, cores=4))


def test_as_many_processes_start_on_each_host_as_ranks_are_kept_free_there(programs):
    programs("srun")
    uneven = (TWO_HOSTS[0], TWO_HOSTS[2], TWO_HOSTS[2])
    assert "-w n1,n2,n2" in " ".join(words(uneven, {"SLURM_STEP_ID": "0"}))


def test_slurm_is_told_its_own_names_of_hosts(programs):
    programs("srun")
    places = tuple(Place(f"{place.host}.site.org", place.cpus) for place in TWO_HOSTS)
    environ = {"SLURM_STEP_ID": "0", "SLURMD_NODENAME": "n1"}
    assert "-w n1,n1,n2" in " ".join(words(places, environ))
    assert "-w n1.site.org," in " ".join(words(places, environ | {"SLURMD_NODENAME": "other"}))


def test_the_user_s_own_words_win(programs):
    programs("jsrun")
    template = "jsrun --np {ranks} -c{cores} '--host={hosts}' {command} --end"
    environ = {"SLURM_STEP_ID": "0"}
    started = ["jsrun", "--np", "3", "-c2", "--host=n1,n2", *COMMAND, "--end"]
    assert words(TWO_HOSTS, environ, template, cores=2) == started
    assert words(ONE_HOST, environ, "{command}") == list(COMMAND)


@pytest.mark.parametrize(("environ", "missing"), [({}, "mpiexec"), ({"SLURM_STEP_ID": "0"}, "srun")])
def test_a_launcher_that_is_not_there_is_told(programs, environ, missing):
    with pytest.raises(TaskError, match=f"needs {missing}, which is not on PATH"):
        words(ONE_HOST, environ)


def test_a_command_of_one_rank_is_started_as_it_is(context):
    task = Task("/bin/true --n 3")
    assert spawn_of(call_of(task), 0, context).argv == ("/bin/true", "--n", "3")
    wide = spawn_of(call_of(task), 0, context, (Place("localhost", frozenset({0})),) * 2).argv
    assert wide[-3:] == ("/bin/true", "--n", "3")
    assert Path(wide[0]).is_absolute()


def test_a_task_s_cores_reach_its_launcher(context):
    context = replace(context, launcher="/bin/launch -c {cores} {command}")
    places = (Place("localhost", frozenset({0, 1})),) * 2
    for task in (Task("/bin/true", cores_per_rank=2), Task("/bin/true")):
        argv = spawn_of(call_of(task), 0, context, places).argv
        assert argv[-4:] == ("/bin/launch", "-c", str(task.cores_per_rank or 1), "/bin/true")


@pytest.mark.parametrize("ranks", [2, 5])
def test_the_mpiexec_of_this_environment_starts_as_many_processes_as_it_is_told(ranks):
    """The first reads its standard input, which is empty."""
    name = Path(sys.executable).with_name("mpiexec")
    if not name.exists() and not shutil.which("mpiexec"):
        pytest.skip("there is no mpiexec")
    first_reads = "test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} != 0 || cat; echo here"
    started = launched(
        ["/bin/sh", "-c", first_reads], (Place("localhost", frozenset({0})),) * ranks, 1, {}, environ={}
    )
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(
        started,
        env={**os.environ, **allowed},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert Counter(done.stdout.split()) == {"here": ranks}, done.stderr
