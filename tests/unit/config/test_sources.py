"""Scripts and modules that Python cannot read."""

import os
import sys

import pytest

from tests.unit.config.conftest import ACTIVE, UQ, Project

BROKEN = "import pathlib\n\npathlib.Path(__file__).with_name('ran').touch()\ndef predict():\nreturn 1\n"
FAULT = "line 5: expected an indented block after function definition on line 4"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project and, beside its folder, this Python and another one on PATH."""
    (tmp_path / "python3").symlink_to(sys.executable)
    (tmp_path / "python4").write_text("#!/bin/sh\n")
    (tmp_path / "python4").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


@pytest.mark.parametrize(
    "command", ["{python} train.py", "{python} -uB {config_dir}/train.py --x", "python3 train.py"]
)
def test_a_script_with_a_syntax_error_is_told(project, command):
    script = project.folder / "train.py"
    script.write_text(BROKEN)
    assert project.faults(ACTIVE.replace("{python} train.py", command)) == [
        (6, "tasks.training.command", f"syntax error in '{script}', {FAULT}")
    ]
    assert not script.with_name("ran").exists()


@pytest.mark.parametrize(
    "command",
    [
        "python4 train.py",
        "program train.py",
        "{python} -m train.py",
        "{python} -x train.py",
        "{python} -c 'print(1)' train.py",
        "{python} label.py train.py",
        "{python} ../train.py",
        "{python} linked.py",
    ],
)
def test_what_this_python_is_not_to_read_may_have_another_syntax(project, command):
    """Another interpreter's script, data, and what lies elsewhere."""
    for folder in (project.folder, project.folder.parent):
        (folder / "train.py").write_text(BROKEN)
    (project.folder / "linked.py").symlink_to("../train.py")
    text = ACTIVE.replace("{python} train.py", command)
    assert project.load(text).learners[0].steps["training"].work.executable == command


def test_a_module_with_a_syntax_error_is_told(project):
    module = project.folder / "mymodule.py"
    module.write_text(BROKEN)
    said = f"syntax error in '{module}', {FAULT}"
    assert [fault[1:] for fault in project.faults(UQ)] == [("tasks.prediction.function", said)]
    faults = project.faults(UQ.replace('metric = "predictive_entropy"', 'metric = "mymodule:predict"'))
    assert [fault[1] for fault in faults] == ["tasks.prediction.function", "uncertainty.metric"]
    assert not module.with_name("ran").exists()


def test_a_module_elsewhere_is_not_read_for_its_syntax(project, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "broken_elsewhere.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(elsewhere)
    project.load(UQ.replace("mymodule:predict", "broken_elsewhere:predict"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"x = 1\nreturn x\n", ", line 2: 'return' outside function"),
        (b"# coding: nonsense\n", ": unknown encoding: nonsense"),
        (b"x = '\xff'\n", ": (unicode error) 'utf-8' codec can't decode byte 0xff"),
        (b"x = 1\0\n", "source code string cannot contain null bytes"),
    ],
)
def test_what_only_the_compiler_finds_is_told(project, source, said):
    (project.folder / "train.py").write_bytes(source)
    (fault,) = project.faults(ACTIVE)
    assert fault[2].startswith(f"syntax error in '{project.folder}/train.py'")
    assert said in fault[2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfx = 1\n",
        b"# coding: latin-1\nx = '\xff'\n",
        b"x = '\\d'\n",
        b"x = " + b"-" * 50_000 + b"1\n",
    ],
    ids=["byte order mark", "encoding", "warning", "nested deeply"],
)
def test_what_python_may_read_is_no_fault(project, source):
    for name in ("train.py", "mymodule.py"):
        (project.folder / name).write_bytes(source + b"def predict():\n    pass\n")
    project.load(UQ)
