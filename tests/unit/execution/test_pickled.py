import pickle

import numpy as np
import pytest

from rose_mpi.errors import ResultError, UsageError
from rose_mpi.execution.pickled import pickled_call, python_value, sendable_value, unpickled_call
from rose_mpi.tasks import FileArray, Pickled, RankArray


def test_a_closure_travels_with_its_arguments():
    factor = 3
    function, args, kwargs = unpickled_call(pickled_call(lambda x, y: factor * x + y, (2,), {"y": 1}))
    assert function(*args, **kwargs) == 7


def test_earlier_results_arrive_as_they_were_returned(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "b.npz", x=np.ones(2))
    given = (
        Pickled(pickle.dumps((1, 2))),
        FileArray(str(tmp_path / "a.npy")),
        FileArray(str(tmp_path / "b.npz")),
    )
    _, (pair, array, arrays), _ = unpickled_call(pickled_call(print, given, {}))
    assert pair == (1, 2)
    array[0] = 5
    assert array.tolist() == [5, 1, 2]
    assert arrays["x"].tolist() == [1, 1]


def test_a_program_sees_arrays_without_reading_them(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    array = python_value(FileArray(str(tmp_path / "a.npy")))
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    assert python_value(RankArray(1, "key")) is None


@pytest.mark.parametrize("value", [None, 1, 0.5, "text", [1, 2], {"a": [1]}, np.float64(2.5)])
def test_what_json_can_say_stays_readable(value):
    assert sendable_value(value) == value
    assert not isinstance(sendable_value(value), Pickled)


@pytest.mark.parametrize("value", [(1, 2), {"pair": (1, 2)}, {1: 2}, float("inf"), {1, 2}, 2**70])
def test_what_json_cannot_say_is_pickled(value):
    assert python_value(sendable_value(value)) == value


def test_a_value_that_holds_itself_is_pickled():
    value = [1]
    value.append(value)
    seen = python_value(sendable_value(value))
    assert seen[0] == 1
    assert seen[1] is seen


def test_arrays_of_many_fields_are_loaded(tmp_path):
    array = np.zeros(2, [(f"a_field_with_the_number_{number}", "f8") for number in range(1000)])
    np.save(tmp_path / "a.npy", array)
    assert python_value(FileArray(str(tmp_path / "a.npy"))).dtype == array.dtype


def test_what_cannot_be_unpickled_is_told():
    with pytest.raises(ResultError, match=r"its result cannot be unpickled: ValueError: invalid literal"):
        python_value(sendable_value(Unloadable()))


class Unloadable:
    def __reduce__(self):
        return int, ("no number",)


def test_what_cannot_be_sent_is_told():
    with pytest.raises(UsageError, match=r"argument 1 of print cannot be sent"):
        pickled_call(print, (1, (i for i in ())), {})
    with pytest.raises(ResultError, match="a value of type generator, which cannot be pickled"):
        sendable_value(i for i in ())
