"""What is saved comes back exactly, whatever numbers, arrays and texts an experience holds."""

import enum
import tempfile
from dataclasses import astuple, fields
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rose_mpi.errors import UsageError
from rose_mpi.rl import Experience, ExperienceBank, create_experience
from tests.unit.rl.support import same, step

numbers = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
arrays = hnp.arrays(numbers, shapes)
scalars = numbers.flatmap(lambda dtype: hnp.arrays(dtype, ()).map(lambda array: array[()]))
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
leaves = plain | arrays | scalars
keys = st.sampled_from(["$array", "$number", "$tuple", "$dict", "x", 1, None]) | st.text(max_size=3)


def nested(inner):
    return (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    )


values = st.recursive(leaves, nested, max_leaves=6)
alike = st.tuples(numbers, shapes).flatmap(lambda kind: st.lists(hnp.arrays(*kind), min_size=1, max_size=5))
columns = st.lists(values, min_size=1, max_size=4) | alike


def through_a_file(experiences):
    bank = ExperienceBank()
    bank.add_batch(experiences)
    with tempfile.TemporaryDirectory() as folder:
        return list(ExperienceBank.load(bank.save(folder)))


def assert_same(loaded, saved):
    assert len(loaded) == len(saved)
    for left, right in zip(loaded, saved, strict=True):
        for field in fields(Experience):
            assert same(getattr(left, field.name), getattr(right, field.name)), field.name


@settings(deadline=None, max_examples=300)
@given(columns, st.data())
def test_states_of_any_kind(states, data):
    infos = data.draw(
        st.lists(st.dictionaries(keys, values, max_size=2), min_size=len(states), max_size=len(states))
    )
    saved = [create_experience(s, s, 1.0, s, False, info) for s, info in zip(states, infos, strict=True)]
    assert_same(through_a_file(saved), saved)


@settings(deadline=None)
@given(st.lists(st.tuples(leaves, leaves, leaves), max_size=5))
def test_actions_rewards_and_ends_of_any_kind(rows):
    saved = [create_experience(1, action, reward, 2, done) for action, reward, done in rows]
    assert_same(through_a_file(saved), saved)


@pytest.mark.parametrize(
    "states",
    [
        [np.ones((2, 3), np.float32), None],
        [np.ones(2), np.ones(3)],
        [np.ones(2, ">f4"), np.ones(2, ">f4")],
        [np.array(1.5), np.array(2.5)],
        [np.asfortranarray(np.arange(6).reshape(2, 3))] * 2,
        [np.arange(6)[::2]] * 2,
        [1, 1.0, True],
        [2**63, 1],
        [-0.0, float("nan"), float("inf")],
        [(0, 1), (0, 2)],
        ["left", "right"],
        [{"image": np.zeros((2, 2), np.uint8), "speed": np.float32(0.5)}] * 2,
        [{(0, 1): "a", 3: "b"}],
        [{"$tuple": [1]}, {"$dict": [["a", 1]]}, {"$array": "no"}],
        ["\ud800", "\0", "é"],
    ],
    ids=str,
)
def test_states_worth_naming(states):
    saved = [create_experience(state, 0, 0.0, state, True) for state in states]
    assert_same(through_a_file(saved), saved)


def test_a_loaded_array_can_be_written():
    for states in ([np.ones(2), np.zeros(2)], [np.ones(2), None]):
        loaded = through_a_file([create_experience(state, 0, 0.0, None, True) for state in states])
        loaded[0].state[0] = 7
        assert loaded[0].state.tolist() == [7, 1]


class Move(enum.IntEnum):
    LEFT = 3


class Side(str, enum.Enum):  # noqa: UP042
    UP = "up"


class Place(NamedTuple):
    x: int


def test_classes_of_the_users_own_come_back_as_the_plain_ones():
    states = [Move.LEFT, Side.UP, Place(1), np.str_("a"), np.ones(2).view(np.matrix)]
    loaded = through_a_file([create_experience(state, 0, 0.0, None, True) for state in states])
    assert same([each.state for each in loaded], [3, "up", (1,), "a", np.ones((1, 2))])


def test_an_empty_bank():
    assert through_a_file([]) == []


def test_plain_experiences_are_equal():
    saved = [create_experience([1.0], 2, 3.0, [4.0], False, {"step": 1})]
    assert through_a_file(saved) == saved
    assert astuple(saved[0]) == ([1.0], 2, 3.0, [4.0], False, {"step": 1})


def endless():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "builtins.object"),
        (b"bytes", "builtins.bytes"),
        ({1, 2}, "builtins.set"),
        (1j, "builtins.complex"),
        ([np.array([None])], "an array of type object"),
        (np.array([object()]), "an array of type object"),
        (np.array(["text"]), "an array of type <U4"),
        (np.zeros(2, "i4,f4"), "an array of type"),
        (np.ma.masked_array([1, 2], [True, False]), "a masked array"),
        (endless(), "recursion"),
        (10**5000, "digits"),
    ],
    ids=lambda value: str(type(value)),
)
@pytest.mark.parametrize("field", ["state", "info"])
def test_what_cannot_be_kept_is_named(tmp_path, field, value, reason):
    bank = ExperienceBank()
    bank.add_batch([step(0), step(1, **{field: {"x": value} if field == "info" else value})])
    with pytest.raises(UsageError, match=rf"experience 1: its {field} .*{reason}"):
        bank.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_objects_is_refused(tmp_path):
    bank = ExperienceBank()
    bank.add_batch([step(0, state=np.array([object()]))] * 2)
    with pytest.raises(UsageError, match="experience 0: its state is or holds an array of type object"):
        bank.save(tmp_path)
