from hypothesis import given
from hypothesis import strategies as st

from rose_mpi.execution.frames import Unpacker, pack

values = (
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dictionaries(st.text(), st.text())
)
messages = st.lists(st.tuples(st.text(), values), max_size=5)


@given(messages, st.integers(1, 50))
def test_messages_survive_any_cut(sent, size):
    data = b"".join(map(pack, sent))
    unpacker = Unpacker()
    received = []
    for start in range(0, len(data), size):
        received += unpacker.feed(data[start : start + size])
    assert received == sent


def test_an_unfinished_message_is_kept_back():
    unpacker = Unpacker()
    data = pack(("a", 1))
    assert list(unpacker.feed(data + data[:-1])) == [("a", 1)]
    assert list(unpacker.feed(data[-1:])) == [("a", 1)]


def test_file_names_that_are_no_text_survive():
    name = b"\xff".decode(errors="surrogateescape")
    assert list(Unpacker().feed(pack((name,)))) == [(name,)]
