import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rose_mpi.store.values import NOT_KEPT, text_of, value_of
from rose_mpi.tasks import FileArray, RankArray

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["file", "rank", "key", "value", "x"]) | st.text(), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_every_json_value_comes_back(value):
    assert value_of(text_of(value)) == value


@pytest.mark.parametrize("array", [FileArray("/a/b.npy"), RankArray(3, "k")])
def test_arrays_come_back_and_are_not_confused_with_objects_that_look_like_them(array):
    assert value_of(text_of(array)) == array
    lookalike = {"file": "/a/b.npy"} if isinstance(array, FileArray) else {"rank": 3, "key": "k"}
    assert value_of(text_of(lookalike)) == lookalike
    assert value_of(text_of({"value": lookalike})) == {"value": lookalike}


def test_the_texts_are_the_documented_ones():
    assert text_of(FileArray("/a.npy")) == '{"file": "/a.npy"}'
    assert text_of(RankArray(3, "k")) == '{"rank": 3, "key": "k"}'
    assert text_of("text") == '"text"'


def test_numpy_numbers_and_nan_are_kept():
    assert text_of({"a": np.float32(0.5), "b": np.int64(3)}) == '{"a": 0.5, "b": 3}'
    assert math.isnan(value_of(text_of(float("nan"))))


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), {1, 2}, {(1, 2): 3}, nested(100_000)])
def test_what_json_cannot_say_is_not_kept(value):
    assert text_of(value) == NOT_KEPT
