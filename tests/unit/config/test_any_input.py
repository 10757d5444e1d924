"""Whatever stands in a configuration, the answer is a RunConfig or a list of faults."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rose_mpi.config.load import load_config
from rose_mpi.config.run_config import RunConfig
from rose_mpi.errors import ConfigError, UsageError
from tests.unit.config.conftest import ACTIVE, UQ, Project

ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
TOML_VALUES = r"""
1
-1
0
1.5
nan
inf
true
""
"x"
"\u0000"
[]
[1]
["a", "a"]
[[]]
[{}]
{}
{ a = 1 }
{ -1 = {} }
{ 0 = 3 }
1979-05-27
07:32:00
1e400
"../x"
"10m"
"{python} x.py"
"9**9**9"
"mymodule:predict"
"a.b.c:d"
"~/results.h5"
"""
VALUES = st.sampled_from([*TOML_VALUES.splitlines(), "9" * 30, "1" + "0" * 400])
DOTTED_KEYS = """
run run.seed run.output run.name engine tasks tasks.training tasks.training.command
tasks.training.environment tasks.training.kwargs.--lr tasks.prediction.cwd criterion uncertainty.metric
uncertainty.targets ensemble.models learners learners.0 learners.0.name learners.random
learners.random.repeat learners.1.kind learners.1.training.schedule x.y.z a"b
"""
KEYS = st.sampled_from(DOTTED_KEYS.split())
WORDS = sorted(
    {
        word
        for word in UQ.replace("=", " ").replace(".", " ").replace("[", " ").replace("]", " ").split()
        if word
    }
)


@pytest.fixture(scope="module")
def project():
    with tempfile.TemporaryDirectory() as folder:
        yield Project(Path(folder))


def answer(project, text, *overrides):
    try:
        assert isinstance(project.load(text, *overrides), RunConfig)
    except ConfigError as error:
        assert error.faults
        assert all(fault.message and "\n" not in str(fault) for fault in error.faults)
    except UsageError as error:
        assert overrides, error


@pytest.mark.parametrize("text", [UQ, ACTIVE])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_values_changed(project, text, data):
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[number].partition("=")
        if equals:
            lines[number] = f"{key}= {data.draw(VALUES)}"
    answer(project, "\n".join(lines))


@pytest.mark.parametrize("text", [UQ, ACTIVE])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_lines_left_out_doubled_and_words_changed(project, text, data):
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                lines[number] = ""
            case 1:
                lines.insert(number, data.draw(st.sampled_from(lines)))
            case 2:
                old = data.draw(st.sampled_from(lines[number].split() or ["x"]))
                lines[number] = lines[number].replace(old, data.draw(st.sampled_from(WORDS)), 1)
            case 3:
                at = data.draw(st.integers(0, len(lines[number])))
                lines[number] = lines[number][:at] + data.draw(ANY_TEXT) + lines[number][at:]
    answer(project, "\n".join(lines))


@given(st.lists(st.tuples(KEYS, VALUES | ANY_TEXT), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_settings_of_the_command_line(project, settings_):
    answer(project, UQ, *(f"{key}={value}" for key, value in settings_))


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes(project, content):
    project.config.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(project.config)
