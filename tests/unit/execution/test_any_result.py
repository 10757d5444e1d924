"""Whatever a task leaves behind, it is a value or a failure with one reason, and none of it is executed."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rose_mpi.execution.result import result_of
from rose_mpi.execution.spawned import Exited
from rose_mpi.tasks import Expects, FileArray, Task, TaskStatus
from tests.unit.execution.support import call_of

CALL = call_of(Task("sim"))
PREDICTION = call_of(Task("sim"), Expects.PREDICTION)
LIMITS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CALLS = st.sampled_from([CALL, PREDICTION])


class Trap:
    """Unpickled, it fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


def npy(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def npz(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


GOOD = [
    npy(np.arange(6.0).reshape(3, 2)),
    npy(np.zeros((0, 4), np.float32)),
    npy(np.array(["a", "b"])),
    npy(np.array([Trap()], dtype=object), allow_pickle=True),
    npz(**{"a.npy": npy(np.arange(5)), "b.npy": npy(np.float64(1.0))}),
    npz(**{"a.npy": npy(np.array([Trap()], dtype=object), allow_pickle=True)}),
    npz(**{"../../a.npy": npy(np.arange(5)), "/etc/b": b"text"}),
    json.dumps({"metric_value": 0.5, "more": [1, 2, {"a": None}]}).encode(),
    pickle.dumps(Trap()),
]


def left(context, suffix, content):
    path = Path(f"{context.layout.task(CALL.id, 0).result}{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def result(context, call, line=""):
    exited = Exited("t", 2.0, 3.0, 0, "", False, False, "", line, "", 0.0, 0)
    return result_of(call, 0, exited, 1.0, context)


def check(outcome):
    if outcome.status is TaskStatus.DONE:
        assert isinstance(outcome.value, FileArray) or json.dumps(outcome.value, allow_nan=False)
    else:
        assert outcome.status is TaskStatus.FAILED
        assert outcome.error
        assert outcome.value is None


@LIMITS
@given(CALLS, st.sampled_from([".json", ".npy", ".npz"]), st.binary(max_size=300))
def test_any_bytes(context, call, suffix, content):
    path = left(context, suffix, content)
    check(result(context, call))
    path.unlink()


@LIMITS
@given(CALLS, st.sampled_from([".json", ".npy", ".npz"]), st.sampled_from(GOOD), st.data())
def test_a_good_file_changed(context, call, suffix, content, data):
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = left(context, suffix, bytes(changed[: data.draw(st.integers(0, len(changed)))]))
    check(result(context, call))
    path.unlink()


@LIMITS
@given(CALLS, st.text(max_size=200))
def test_any_last_line(context, call, line):
    check(result(context, call, line))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@LIMITS
@given(CALLS, VALUES, st.booleans())
def test_any_json(context, call, value, in_file):
    text = json.dumps(value)
    if in_file:
        path = left(context, ".json", text.encode())
        check(result(context, call))
        path.unlink()
    else:
        check(result(context, call, text))


@pytest.mark.parametrize("header", [b"(9999999999,)", b"(-1,)", b"(2, 3" + b", 4" * 40 + b")", b"'x'"])
def test_shapes_that_the_file_does_not_hold(context, header):
    content = b"{'descr': '<f8', 'fortran_order': False, 'shape': " + header + b", }"
    content += b" " * (-(len(content) + 11) % 64) + b"\n"
    left(context, ".npy", b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + bytes(64))
    outcome = result(context, CALL)
    assert outcome.status is TaskStatus.FAILED
    assert ".npy" in outcome.error


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked(context):
    content = npz(**{"a.npy": npy(np.zeros(1_000_000_000 // 8))})
    assert len(content) < 2_000_000
    left(context, ".npz", content)
    assert isinstance(result(context, CALL).value, FileArray)
