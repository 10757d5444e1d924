"""The line of each key."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rose_mpi.config.places import key_lines, shown
from tests.unit.config.conftest import ACTIVE, UQ

TEXT = '''\
# a comment = 1
top = """
not = 1
[nor.this]
"""
"quoted \\"key\\"" = 'x # = y'
[a.b]   # [c]
c.d = [ 1,
  { e = 2 }, # ]
  "]",
]
[[list]]
name = 1
[list.inner]
x = { y = { z = """}""" }, "w" = 2 }
[[list]]
name = 2
[[list.deeper]]
k = 1979-05-27T07:32:00Z
[[list.deeper]]
k = -0.5
last = \'\'\'a''\'\'\'
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (('quoted "key"',), 6),
        (("a",), 7),
        (("a", "b", "c"), 8),
        (("a", "b", "c", "d"), 8),
        (("a", "b", "c", "d", 1, "e"), 9),
        (("a", "b", "c", "d", 2), 10),
        (("list", 0, "name"), 13),
        (("list", 0, "inner", "x", "y", "z"), 15),
        (("list", 0, "inner", "x", "w"), 15),
        (("list", 1), 16),
        (("list", 1, "name"), 17),
        (("list", 1, "deeper", 0, "k"), 19),
        (("list", 1, "deeper", 1, "k"), 21),
        (("list", 1, "deeper", 1, "last"), 22),
    ],
)
def test_line(path, line):
    assert key_lines(TEXT)[path] == line


def paths_of(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_of(inner, (*path, key))


@pytest.mark.parametrize("text", [TEXT, ACTIVE, UQ, "", "\r\n".join(UQ.split("\n"))])
def test_every_key_has_a_line_and_nothing_else_has(text):
    assert set(key_lines(text)) == set(paths_of(tomllib.loads(text)))


@given(st.text(alphabet="ab.=[]{}'\"\\\n# ,1", max_size=40))
def test_whatever_is_toml_is_located(text):
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    assert set(key_lines(text)) == set(paths_of(document))


def test_a_path_is_shown_as_it_is_written():
    assert shown(("learners", 0, "training", "kwargs", "--lr")) == "learners[0].training.kwargs.--lr"
    assert shown(("a b", "c")) == '"a b".c'
