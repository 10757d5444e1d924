import sys
from dataclasses import replace

from rose_mpi.execution.environment import scrubbed, task_environment, usual_environment
from rose_mpi.execution.warm import OF_ONE_TASK
from rose_mpi.tasks import Task
from tests.unit.execution.support import call_of


def test_variables_of_launchers_are_dropped():
    launcher = {
        "OMPI_COMM_WORLD_RANK": "0",
        "OMPI_MCA_btl": "^ofi",
        "PMIX_RANK": "0",
        "PRTE_LAUNCHED": "1",
        "OPAL_PREFIX": "/x",
        "PMI_FD": "9",
        "PMI2_X": "1",
        "HYDI_CONTROL_FD": "7",
        "HYDRA_X": "1",
        "MPI_LOCALRANKID": "0",
        "SLURM_CPU_BIND": "quiet,mask_cpu:0x1,0x2",
        "SLURM_CPU_BIND_LIST": "0x1,0x2",
        "SLURM_DISTRIBUTION": "block",
        "SLURM_NTASKS_PER_NODE": "2",
    }
    kept = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "I_MPI_FABRICS": "shm",
        "SLURM_JOB_ID": "1",
        "MY_PMI_RANK": "1",
        "PATH": "/bin",
    }
    assert scrubbed({**launcher, **kept}) == kept


def test_variables_of_a_surrounding_task_are_dropped():
    assert scrubbed({"ROSE_SELECTED": "/x.npz", "ROSE_RESULT": "/r", "ROSE_MINE": "1"}) == {"ROSE_MINE": "1"}


def test_folder_of_an_mpi_from_pypi_leaves_the_library_path(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libmpi.so.40").touch()
    site = tmp_path / "site"
    site.mkdir()
    (site / "libmpi.so.40").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    wheel = str(tmp_path / "lib")
    assert scrubbed({"LD_LIBRARY_PATH": f"{wheel}:{site}:{wheel}/"}) == {"LD_LIBRARY_PATH": str(site)}
    assert scrubbed({"LD_LIBRARY_PATH": wheel}) == {}


def test_other_library_folders_stay(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    path = {"LD_LIBRARY_PATH": f"{tmp_path}/lib:/opt/x"}
    assert scrubbed(path) == path


def test_a_task_is_told_who_it_is(context):
    variables = task_environment(call_of(Task("x")), 1, context)
    told = {name: value for name, value in variables.items() if name.startswith("ROSE_")}
    assert told == {
        "ROSE_RUN": "run-1",
        "ROSE_ROOT": context.root,
        "ROSE_LEARNER": "digits",
        "ROSE_ITERATION": "3",
        "ROSE_TASK": "digits.3.training.2.mlp",
        "ROSE_INDEX": "2",
        "ROSE_MODEL": "mlp",
        "ROSE_ATTEMPT": "1",
        "ROSE_SEED": "17",
        "ROSE_RESULT": str(context.layout.results.parent / "results.d/digits/tasks/3.training.2.mlp.1"),
    }


def test_the_selection_is_told_if_there_is_one(context):
    call = call_of(Task("x"), selection="/some/selected.npz")
    assert task_environment(call, 0, context)["ROSE_SELECTED"] == "/some/selected.npz"


def test_what_differs_from_task_to_task_is_known_to_warm_python(context):
    call = call_of(Task("x"), selection="/some/selected.npz")
    own = task_environment(call, 0, context).keys() - usual_environment(context).keys()
    assert own == OF_ONE_TASK


def test_threads_are_one_or_as_many_as_the_cores(context):
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "BLIS")
    one = task_environment(call_of(Task("x")), 0, context)
    four = task_environment(call_of(Task("x", cores_per_rank=4)), 0, context)
    assert {one[f"{name}_NUM_THREADS"] for name in names} == {"1"}
    assert {four[f"{name}_NUM_THREADS"] for name in names} == {"4"}
    assert four["VECLIB_MAXIMUM_THREADS"] == "4"


def test_the_configuration_wins_and_the_task_wins_over_it(context):
    context = replace(context, environment={"A": "run", "B": "run", "OMP_NUM_THREADS": "2"})
    variables = task_environment(call_of(Task("x", environment={"B": "task"})), 0, context)
    assert (variables["A"], variables["B"], variables["OMP_NUM_THREADS"]) == ("run", "task", "2")
