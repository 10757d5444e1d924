import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.errors import TaskError
from rose_mpi.execution.functions import LONGEST_TRACEBACK, call_function, function_result
from rose_mpi.tasks import Expects, Function, TaskStatus
from tests.unit.execution.support import call_of

MODULE = """
import os

def everything(learner, iteration, index, model, seed, selection, workdir):
    return [learner, iteration, index, model, seed, selection, os.path.isdir(workdir)]

def own(a, *, seed=0, **rest):
    return {"a": a, "seed": seed, **rest}

def positional(a, b):
    return a

def grows(layers):
    layers["sizes"].append(1)
    return layers["sizes"]

def fails():
    return inner()

def inner():
    raise ValueError("bad luck")

def leaves():
    raise SystemExit(3)

class Space:
    @staticmethod
    def nested():
        return "found"

constant = 5
"""


@pytest.fixture
def call(context, monkeypatch):
    """Calls functions of a module that lies beside the configuration."""
    Path(context.root, "users_module.py").write_text(MODULE)
    Path(context.root, "broken_module.py").write_text("import no_such_dependency\n")
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(name, selection=None, **kwargs):
        reference = name if ":" in name else f"users_module:{name}"
        return call_function(call_of(Function(reference, kwargs), selection=selection), context)

    yield run
    sys.modules.pop("users_module", None)


def result_of_function(context, function, expects=Expects.ANYTHING):
    return function_result(function, call_of(Function("m:f"), expects), 1, 5.0, context)


def test_a_function_gets_what_its_signature_names(call):
    assert call("everything", "/s.npz") == ["digits", 3, 2, "mlp", 17, "/s.npz", True]


def test_other_keywords_are_the_functions_own(call):
    assert call("own", a=1, b=2) == {"a": 1, "seed": 17, "b": 2}


def test_own_keywords_win(call):
    assert call("own", a=1, seed=4) == {"a": 1, "seed": 4}


def test_a_function_cannot_change_the_arguments_of_the_next(call):
    layers = {"sizes": [3, 2]}
    assert call("grows", layers=layers) == call("grows", layers=layers) == [3, 2, 1]


def test_nested_names_are_found(call):
    assert call("Space.nested") == "found"


def test_functions_without_signature_are_called(call):
    assert call("builtins:dict", a=1) == {"a": 1}


def test_the_folder_is_put_on_the_path_once(call, context):
    call("Space.nested")
    call("Space.nested")
    assert sys.path.count(context.root) == 1
    assert sys.path[0] == context.root


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:f", "there is no module 'no_such_module'"),
        ("users_module.sub:f", "there is no module 'users_module.sub'"),
        ("users_module:missing", "has no function 'missing'"),
        ("users_module:constant", "is no function but of type int"),
        ("users_module:", "module:function"),
        ("positional", r"positional\(a, b\) cannot be called: missing a required argument: 'a'"),
    ],
)
def test_what_cannot_be_called_is_told(call, name, said):
    with pytest.raises(TaskError, match=said):
        call(name)


def test_a_missing_import_of_the_module_is_the_modules_own_error(call):
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        call("broken_module:f")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (0.5, 0.5),
        ("text", "text"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(2.5), 2.5),
        ((1, [2, {"a": np.float64(3)}]), [1, [2, {"a": 3.0}]]),
    ],
)
def test_plain_values_are_kept(context, value, kept):
    result = result_of_function(context, lambda: value)
    assert result.done
    assert result.value == kept
    assert type(result.value) is type(kept)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "must be finite"),
        ({"a": [float("inf")]}, "must be finite"),
        (object(), "type object cannot be a result"),
        ({1: 2}, "is no text"),
        (1 << 70, "64 bits"),
        (1j, "type complex"),
        ([np.zeros(3)], "NumPy array by itself"),
        (np.array([object()]), "Python objects"),
        (np.ma.masked_less([1, 2], 2), "masked; return its numbers alone, as by array.filled"),
    ],
)
def test_other_values_are_refused(context, value, said):
    result = result_of_function(context, lambda: value)
    assert (result.status, result.value) == (TaskStatus.FAILED, None)
    assert said in result.error


def test_a_value_that_holds_itself_is_refused(context):
    value = []
    value.append(value)
    assert "nested deeper" in result_of_function(context, lambda: value).error


def test_arrays_are_left_to_the_caller(context):
    array = np.arange(5)
    assert result_of_function(context, lambda: array).value is array


def test_an_array_of_the_users_own_class_is_an_array(context):
    class Own(np.ndarray):
        pass

    value = result_of_function(context, np.arange(5).view(Own).copy).value
    assert type(value) is np.ndarray
    assert value.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.arange(5), "float32 or float64"),
        ([0.5], "must return a NumPy array"),
        (np.array(0.5), "NumPy array"),
    ],
)
def test_a_prediction_must_be_an_array_of_floats(context, value, said):
    result = result_of_function(context, lambda: value, Expects.PREDICTION)
    assert result.status is TaskStatus.FAILED
    assert said in result.error
    assert result_of_function(context, lambda: np.zeros((3, 2)), Expects.PREDICTION).done


BUFFER = np.zeros((4, 2))


def mapped(folder):
    if not (file := Path(folder, "mapped.npy")).exists():
        np.save(file, np.zeros((4, 2)))
    return np.load(file, mmap_mode="r+")


@pytest.mark.parametrize(
    "returned", [lambda _: BUFFER, lambda _: BUFFER[:], lambda _: BUFFER[1:].reshape(2, 3), mapped]
)
def test_a_prediction_is_no_longer_the_functions_own(context, tmp_path, returned):
    kept = result_of_function(context, partial(returned, tmp_path), Expects.PREDICTION).value
    later = returned(tmp_path)
    later[:] = 1.0
    assert kept.shape == later.shape
    assert not kept.any()
    BUFFER[:] = 0.0


@pytest.mark.parametrize("part", [np.s_[:], np.s_[:, :1]])
def test_a_prediction_that_nobody_else_has_is_not_copied(context, part):
    where = []

    def predict():
        made = np.ones((4, 2))
        where.append(made.ctypes.data)
        return made[part] if part != np.s_[:] else made

    assert result_of_function(context, predict, Expects.PREDICTION).value.ctypes.data == where[0]


def test_an_exception_comes_with_traceback_rank_and_host(context, call):
    result = result_of_function(context, partial(call, "fails"))
    lines = result.error.splitlines()
    assert result.status is TaskStatus.FAILED
    assert lines[:2] == [
        "ValueError: bad luck (on rank 3, node7)",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "ValueError: bad luck"
    assert "users_module.py" in result.error
    assert "functions.py" not in result.error


def test_a_very_long_exception_is_kept_without_its_middle(context):
    def fails():
        raise ValueError("x" * 3_000_000 + "end")

    error = result_of_function(context, fails).error
    assert len(error) < LONGEST_TRACEBACK + 1000
    assert error.startswith("ValueError: xxx")
    assert error.endswith("xend")
    assert "characters are left out" in error
    assert len(error.splitlines()[0]) < 600


@pytest.mark.parametrize("name", ["missing_module", "not_python"])
def test_the_machinery_of_imports_is_not_shown(context, name):
    Path(context.root, "missing_module.py").write_text("import no_such_module_at_all\n")
    Path(context.root, "not_python.py").write_text("def f(:\n")
    work = Function(f"{name}:f")
    result = result_of_function(context, lambda: call_function(call_of(work), context))
    kind = "ModuleNotFoundError: " if name == "missing_module" else "SyntaxError: "
    assert result.error.startswith(kind)
    assert f"{name}.py" in result.error
    assert "<frozen" not in result.error


class Secretive(Exception):
    def __getattribute__(self, name):
        raise RuntimeError(name)


def raises(error):
    raise error


def test_an_exception_whose_own_methods_fail_is_a_failure_of_the_task_alone(context):
    result = result_of_function(context, partial(raises, Secretive()))
    assert result.status is TaskStatus.FAILED
    assert result.error.splitlines() == [
        "Secretive (on rank 3, node7)",
        "(its traceback cannot be shown: RuntimeError)",
    ]


def test_what_an_exception_says_comes_before_its_notes(context):
    error = ValueError("bad luck")
    error.add_note("a note")
    lines = result_of_function(context, partial(raises, error)).error.splitlines()
    assert lines[0] == "ValueError: bad luck (on rank 3, node7)"
    assert lines[-2:] == ["ValueError: bad luck", "a note"]


def test_leaving_is_a_failure(context, call):
    assert "SystemExit: 3" in result_of_function(context, partial(call, "leaves")).error


def test_an_error_of_ours_comes_without_traceback(context, call):
    result = result_of_function(context, partial(call, "missing"))
    assert result.error == "users_module:missing: the module users_module has no function 'missing'"


def test_times_and_resources_are_told(context):
    def busy():
        return sum(range(3_000_000))

    result = result_of_function(context, busy)
    assert (result.attempt, result.queued) == (1, 5.0)
    assert 0 < result.cpu_seconds <= result.finished - result.started + 0.1
    assert result.max_rss > 1 << 20
