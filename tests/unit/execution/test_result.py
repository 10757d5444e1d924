import json
import os
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.execution.result import result_of
from rose_mpi.execution.spawned import Exited
from rose_mpi.tasks import Expects, FileArray, Task, TaskStatus
from tests.unit.execution.support import call_of

CALL = call_of(Task("sim", timeout=5.0))
PREDICTION = call_of(Task("sim"), Expects.PREDICTION)


def exited(last_line="", **fields):
    values = {
        "token": "t",
        "started": 2.0,
        "finished": 3.0,
        "exit_code": 0,
        "signal": "",
        "timed_out": False,
        "killed": False,
        "error": "",
        "last_line": last_line,
        "stderr_tail": "",
        "cpu_seconds": 0.5,
        "max_rss": 1 << 20,
    }
    return Exited(**{**values, **fields})


@pytest.fixture
def left(context):
    """Where a task of these tests leaves its result."""
    path = Path(context.layout.task(CALL.id, 0).result)
    path.parent.mkdir(parents=True)
    return path


def outcome(context, last_line="", call=CALL, **fields):
    return result_of(call, 0, exited(last_line, **fields), 1.0, context)


def test_all_that_is_known_is_told(context):
    result = outcome(context, "5")
    assert (result.id, result.attempt, result.rank, result.host) == (CALL.id, 0, 3, "node7")
    assert (result.queued, result.started, result.finished) == (1.0, 2.0, 3.0)
    assert (result.cpu_seconds, result.max_rss, result.exit_code) == (0.5, 1 << 20, 0)
    assert result.done


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("0.93", 0.93),
        ("-3", -3),
        ('{"accuracy": 0.9, "n": [1, null, true]}', {"accuracy": 0.9, "n": [1, None, True]}),
        ('"quoted"', "quoted"),
        ("plain text", "plain text"),
        ("[INFO] done", "[INFO] done"),
        ("nan", "nan"),
        ("NaN", "NaN"),
        ("1" * 5000, "1" * 5000),
        ("", None),
    ],
)
def test_the_last_line_is_the_value(context, line, value):
    result = outcome(context, line)
    assert (result.status, result.error) == (TaskStatus.DONE, "")
    assert result.value == value
    assert type(result.value) is type(value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"loss": NaN}', "must be finite"),
        ("[1, -Infinity]", "must be finite"),
        ("1e999", "must be finite"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("[" * 100_000, "nested deeper"),
        ("36893488147419103232", "64 bits"),
        ('"\\ud800"', "Unicode"),
    ],
)
def test_values_that_cannot_be_kept_are_refused(context, line, said):
    result = outcome(context, line)
    assert result.status is TaskStatus.FAILED
    assert result.value is None
    assert said in result.error


def test_a_line_beyond_all_bounds_is_refused(context):
    assert "ROSE_RESULT" in outcome(context, line_too_long=True).error


def test_json_left_in_a_file_wins_over_the_last_line(context, left):
    Path(f"{left}.json").write_text('{"model_accuracy": 0.5}')
    assert outcome(context, "1").value == {"model_accuracy": 0.5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no usable JSON"),
        ("{", "no usable JSON"),
        ('{"a": NaN}', "must be finite"),
        (json.dumps("x" * (5 << 20)), "belong into .npy"),
        ("[" * 100_000, "nested deeper"),
        ("9" * 5000, "no usable JSON"),
    ],
)
def test_unusable_json_is_refused(context, left, content, said):
    Path(f"{left}.json").write_text(content)
    assert said in outcome(context).error


def test_json_that_is_no_text_is_refused(context, left):
    Path(f"{left}.json").write_bytes(b"\xff\xfe\xfa")
    assert "no usable JSON" in outcome(context).error


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (5, 2)])
def test_an_array_stays_in_its_file(context, left, shape):
    np.save(left, np.zeros(shape, dtype=np.int32))
    assert outcome(context).value == FileArray(f"{left}.npy")


def test_an_archive_stays_in_its_file(context, left):
    np.savez_compressed(left, a=np.arange(3), b=np.array(["x"]))
    assert outcome(context).value == FileArray(f"{left}.npz")


def test_a_result_without_a_suffix_is_refused_and_told_how_to_name_it(context, left):
    left.write_text("1")
    result = outcome(context, "2")
    assert result.status is TaskStatus.FAILED
    assert f"left its result in {left}; the name must end in .json, .npy or .npz" in result.error
    assert "$ROSE_RESULT.json" in result.error


def test_two_results_are_an_error(context, left):
    np.save(left, np.zeros(3))
    Path(f"{left}.json").write_text("1")
    result = outcome(context)
    assert result.status is TaskStatus.FAILED
    assert "3.training.2.mlp.0.json and 3.training.2.mlp.0.npy" in result.error


class Trap:
    """Pickled, it would leave a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_arrays_are_refused_unread(context, left, tmp_path, suffix):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    if suffix == ".npy":
        np.save(left, trap, allow_pickle=True)
    else:
        np.savez(left, trap)
    result = outcome(context)
    assert "pickled Python objects" in result.error
    assert not (tmp_path / "sprung").exists()


def test_a_bare_pickle_is_refused_unread(context, left, tmp_path):
    Path(f"{left}.npy").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert "no usable .npy" in outcome(context).error
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_truncated_arrays_are_refused(context, left, suffix, keep):
    np.save(left, np.arange(100.0)) if suffix == ".npy" else np.savez(left, np.arange(100.0))
    file = Path(f"{left}{suffix}")
    file.write_bytes(file.read_bytes()[:keep])
    result = outcome(context)
    assert result.status is TaskStatus.FAILED
    assert str(file) in result.error


def test_a_prediction_is_an_array_file(context, left):
    np.save(left, np.zeros((4, 2), dtype=np.float32))
    assert outcome(context, "noise", call=PREDICTION).value == FileArray(f"{left}.npy")


def test_a_prediction_may_be_named_in_the_last_line(context):
    folder = context.layout.workdir("digits")
    folder.mkdir(parents=True)
    np.save(folder / "p.npy", np.zeros(4))
    expected = FileArray(str(folder / "p.npy"))
    assert outcome(context, "p.npy", call=PREDICTION).value == expected
    assert outcome(context, str(folder / "p.npy"), call=PREDICTION).value == expected


def test_a_named_prediction_is_relative_to_the_folder_of_the_task(context):
    folder = Path(context.root, "mine")
    folder.mkdir()
    np.save(folder / "p.npy", np.zeros(4))
    call = call_of(Task("sim", cwd="mine"), Expects.PREDICTION)
    assert outcome(context, "p.npy", call=call).value == FileArray(str(folder / "p.npy"))


def test_a_named_prediction_may_be_called_by_where_links_lead(context, tmp_path):
    folder = context.layout.results.parent
    (tmp_path / "scratch").mkdir()
    folder.symlink_to(tmp_path / "scratch")
    np.save(folder / "p.npy", np.zeros(4))
    expected = FileArray(str(tmp_path / "scratch" / "p.npy"))
    assert outcome(context, expected.path, call=PREDICTION).value == expected


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128", "float16", ">f8", "U3"])
def test_predictions_of_another_type_are_refused(context, left, dtype):
    np.save(left, np.zeros(4, dtype=dtype))
    assert "must be float32 or float64" in outcome(context, call=PREDICTION).error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "wrote no line"),
        ("done", "was 'done'"),
        ("gone.npy", "does not exist"),
        ("a\0b.npy", "numpy.save"),
        ("/else/where.npy", "outside of the run's folders"),
        ("../../../../p.npy", "outside of the run's folders"),
    ],
)
def test_a_missing_prediction_is_told(context, line, said):
    result = outcome(context, line, call=PREDICTION)
    assert result.status is TaskStatus.FAILED
    assert said in result.error


def test_an_archive_is_no_prediction(context, left):
    np.savez(left, np.zeros(3))
    assert "one array in a .npy file" in outcome(context, call=PREDICTION).error


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"exit_code": 3}, TaskStatus.FAILED, "exit code 3: ValueError: no"),
        ({"exit_code": None, "signal": "SIGSEGV"}, TaskStatus.FAILED, "killed by SIGSEGV"),
        ({"exit_code": 0, "timed_out": True}, TaskStatus.TIMEOUT, "timeout of 5 s"),
        ({"exit_code": None, "signal": "SIGTERM", "killed": True}, TaskStatus.CANCELLED, "cancelled"),
        ({"exit_code": None, "error": "cannot start x"}, TaskStatus.FAILED, "cannot start x"),
    ],
)
def test_failures_quote_reason_last_lines_and_log(context, left, fields, status, said):
    Path(f"{left}.json").write_text("1")
    result = outcome(context, "5", stderr_tail="Traceback\nValueError: no", **fields)
    assert (result.status, result.value) == (status, None)
    lines = result.error.splitlines()
    assert said in lines[0]
    assert lines[1:3] == ["  Traceback", "  ValueError: no"]
    assert lines[3] == f"log: {context.layout.task(CALL.id, 0).stderr}"


def test_the_first_line_quotes_the_last_one_with_a_word(context):
    lines = outcome(context, stderr_tail="exited on\nsignal 9 (Killed).\n-----\n \0", exit_code=137).error
    assert lines.startswith("exit code 137: signal 9 (Killed).\n  exited on\n")
    assert outcome(context, stderr_tail="---", exit_code=1).error.startswith("exit code 1\n  ---\n")


def test_what_the_first_line_says_is_not_said_again(context):
    lines = outcome(context, stderr_tail="no such file", exit_code=4).error.splitlines()
    assert lines == ["exit code 4: no such file", f"log: {context.layout.task(CALL.id, 0).stderr}"]


def test_without_stderr_the_last_line_of_output_is_quoted(context):
    lines = outcome(context, "it broke", exit_code=1).error.splitlines()
    assert lines == ["exit code 1", "  it broke", f"log: {context.layout.task(CALL.id, 0).stdout}"]


def test_want_of_memory_is_told_with_a_remedy(context):
    error = outcome(context, exit_code=None, signal="SIGKILL", out_of_memory="/sys/fs/cgroup/job").error
    assert error.startswith("killed by SIGKILL: out of memory; ")
    assert "/sys/fs/cgroup/job" in error


def test_without_output_no_log_is_named(context):
    assert outcome(context, exit_code=1).error == "exit code 1"


@pytest.mark.parametrize("suffix", [".json", ".npy", ".npz"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, partial(os.symlink, "/dev/zero")])
def test_results_that_are_no_files_are_told_unread(context, left, suffix, make):
    make(f"{left}{suffix}")
    assert f"{left}{suffix}, which is no file" in outcome(context).error
