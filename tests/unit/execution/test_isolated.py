"""Functions that run in processes of their own."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.errors import TaskError
from rose_mpi.execution.isolated.call import IsolatedCall, warm_start_for_functions
from rose_mpi.execution.pickled import pickled_call, python_value
from rose_mpi.tasks import Expects, Function, TaskStatus
from tests.unit.execution.support import Runner, call_of, eventually, marked

HERE = Path(__file__).parent


def function(name, **options):
    kwargs = options.pop("kwargs", {})
    return Function(f"isolated_functions:{name}", kwargs, isolated=True, **options)


@pytest.fixture(params=["new", "forked"])
def isolated(request, tmp_path, run_name, context):
    """Runs one function in a new Python, and in a fork of a preloaded one."""
    context = replace(context, run=run_name, root=str(HERE))
    warm = request.param == "forked"
    runner = Runner(tmp_path, run_name, warm_start_for_functions(context) if warm else None)

    def run(work, expects=Expects.ANYTHING, while_it_runs=lambda: None):
        attempt = IsolatedCall(call_of(work, expects), 0, 1.0, context)
        runner.helper.start(attempt.spawn())
        while_it_runs()
        return attempt.result(runner.wait()[0])

    run.runner = runner
    if warm:
        assert eventually(lambda: run(function("where")).value["parent"] != runner.helper.pid)
    yield run
    runner.helper.close()


def test_it_is_another_process_in_the_same_folder(isolated):
    result = isolated(function("where"))
    assert result.value["pid"] != os.getpid()
    assert result.value["cwd"] == os.getcwd()  # noqa: PTH109
    assert (result.status, result.rank, result.exit_code) == (TaskStatus.DONE, 3, None)
    assert result.started <= result.finished
    assert result.max_rss > 1 << 20


def test_arguments_and_what_the_rank_knows_are_passed(isolated):
    assert isolated(function("add", kwargs={"first": 2})).value == 3
    assert isolated(function("seeded")).value == [17, "digits", "digits.3.training.2.mlp", "1"]


def test_functions_of_a_program_and_their_arrays_travel(isolated):
    factor = 3
    pickled = pickled_call(
        lambda values, label: ((values * factor).sum(), label), (np.ones(100_000),), {"label": "x"}
    )
    value = isolated(Function("total", pickled=pickled, isolated=True)).value
    assert python_value(value) == (300_000.0, "x")


def test_arrays_come_back(isolated):
    result = isolated(function("array", kwargs={"size": 300_000}), Expects.PREDICTION)
    assert np.array_equal(result.value, np.arange(300_000.0))


def test_an_array_of_a_class_that_the_rank_does_not_know_comes_back(isolated):
    assert isolated(function("own_array")).value.tolist() == [0, 1, 2]


def test_state_that_it_registers_comes_back(isolated):
    assert pickle.loads(isolated(function("registered")).registered) == {"loss": 0.5}


def test_a_value_that_cannot_be_sent_is_told(isolated):
    assert "type generator cannot be a result" in isolated(function("generator")).error
    pickled = pickled_call(lambda: (number for number in ()), (), {})
    error = isolated(Function("f", pickled=pickled, isolated=True)).error
    assert "type generator, which cannot be pickled" in error


def test_a_result_that_is_damaged_is_the_failure_of_the_task(isolated):
    result = isolated(function("spoilt"))
    assert (result.status, result.exit_code) == (TaskStatus.FAILED, 0)
    assert "exit code 0" in result.error


def test_an_exception_comes_with_its_traceback(isolated):
    result = isolated(function("fail"))
    assert result.status is TaskStatus.FAILED
    lines = result.error.splitlines()
    assert lines[0].endswith(" (on rank 3, node7)")
    assert lines[-1] == "ValueError: no way"
    assert "isolated_functions.py" in lines[2]
    log = isolated.runner.folder / "out" / "results.work" / ".logs" / "digits" / "3.training.2.mlp.0.err"
    assert log.read_text() == "before the end\n"


def test_a_crash_is_the_failure_of_the_task(isolated):
    result = isolated(function("crash"))
    assert (result.status, result.signal, result.exit_code) == (TaskStatus.FAILED, "SIGSEGV", None)
    assert result.error.startswith("killed by SIGSEGV\n")
    assert "in crash" in result.error


def test_the_signal_is_told_by_name(isolated):
    assert isolated(function("kill")).error == "killed by SIGKILL"


@pytest.mark.parametrize(
    ("code", "said"),
    [(3, "exit code 3"), (0, "its process ended with exit code 0 before the function returned")],
)
def test_an_exit_is_the_failure_of_the_task(isolated, code, said):
    result = isolated(function("leave", kwargs={"code": code}))
    assert (result.status, result.exit_code, result.error) == (TaskStatus.FAILED, code, said)


def test_a_timeout_ends_the_whole_tree(isolated, run_name):
    result = isolated(function("sleep", timeout=0.5))
    assert (result.status, result.error) == (TaskStatus.TIMEOUT, "ended after its timeout of 0.5 s")
    assert eventually(lambda: not any("training" in environment_of(pid) for pid in marked(run_name)))


def test_it_can_be_cancelled(isolated):
    helper = isolated.runner.helper
    result = isolated(function("sleep"), while_it_runs=lambda: helper.kill("digits.3.training.2.mlp#0"))
    assert (result.status, result.error) == (TaskStatus.CANCELLED, "cancelled")


def test_forks_draw_different_random_numbers(isolated):
    assert isolated(function("draw")).value != isolated(function("draw")).value


def test_a_rank_whose_folder_is_gone_is_told(context, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(TaskError, match=r"digits\.3\.training.* folder that its rank works in is gone"):
        IsolatedCall(call_of(function("where")), 0, 1.0, context).spawn()


def test_nothing_stays_open_in_the_rank(isolated):
    isolated(function("where"))
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for name in ("where", "fail", "crash"):
        isolated(function(name))
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def environment_of(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode()
    except OSError:
        return ""
