import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rose_mpi.errors import TaskError
from rose_mpi.execution.command import argv, with_options
from rose_mpi.tasks import Task
from tests.unit.execution.support import call_of


def words(context, executable, *arguments, **fields):
    return argv(call_of(Task(executable, arguments, **fields)), context)


def test_a_command_line_is_split_as_a_shell_would(context):
    assert words(context, "/bin/echo 'a b' --x=\"c d\" e\\ f", "g h") == (
        "/bin/echo",
        "a b",
        "--x=c d",
        "e f",
        "g h",
    )


def test_placeholders_expand_within_their_words(context):
    line = "{python} {config_dir}/sim.py --out={learner}-{iteration}-{index}.{model}"
    assert words(context, line, "{model}") == (
        sys.executable,
        f"{context.root}/sim.py",
        "--out=digits-3-2.mlp",
        "mlp",
    )
    assert " " in context.root


@pytest.mark.parametrize("text", ["{}", "{0}", "{seed}", "{ python }", "{{python", "{a:{b}}", "{python"])
def test_other_braces_stay(context, text):
    assert words(context, "/bin/echo", text) == ("/bin/echo", text)


def test_braces_within_values_stay(context):
    odd = call_of(Task("/bin/echo", ("{learner}",)))
    odd = msgspec.structs.replace(odd, id=msgspec.structs.replace(odd.id, learner="{model}"))
    assert argv(odd, context) == ("/bin/echo", "{model}")


def test_files_beside_the_configuration_become_absolute(context):
    root = Path(context.root)
    (root / "sub").mkdir()
    for name in ("sim.py", "sub/data.csv", "tool"):
        (root / name).touch()
    assert words(context, "tool sim.py sub/data.csv sub other.py /etc/passwd --n") == (
        f"{root}/tool",
        f"{root}/sim.py",
        f"{root}/sub/data.csv",
        "sub",
        "other.py",
        "/etc/passwd",
        "--n",
    )


def test_words_that_are_no_paths_do_no_harm(context):
    odd = ("x" * 5000, "", "a/" * 3000)
    assert words(context, "/bin/echo", *odd) == ("/bin/echo", *odd)


def test_programs_are_found_on_the_path_of_the_task(context, tmp_path):
    program = tmp_path / "bin" / "my-simulator"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = {"PATH": str(program.parent)}
    assert words(replace(context, environment=path), "my-simulator -v") == (str(program), "-v")
    assert words(context, "my-simulator", environment=path) == (str(program),)
    with pytest.raises(TaskError, match="'my-simulator' is not found on PATH"):
        words(context, "my-simulator")


def test_a_folder_of_the_path_may_be_relative(context, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "my-tool"
    program.touch(0o755)
    monkeypatch.chdir(tmp_path)
    assert words(context, "my-tool", environment={"PATH": "bin:/bin"}) == (str(program),)


def test_a_path_below_the_working_folder_is_left_to_the_start(context):
    assert words(context, "./built-by-an-earlier-task") == ("./built-by-an-earlier-task",)


@pytest.mark.parametrize(("line", "said"), [("echo 'a", "check its quotes"), ("  ", "is empty")])
def test_unusable_commands_are_told(context, line, said):
    with pytest.raises(TaskError, match=said):
        words(context, line)


@pytest.mark.parametrize("word", ["x" * 1_000_000, f"'{'x y' * 400_000}'", '"' + '\\"' * 500_000 + '"'])
def test_a_word_that_linux_does_not_take_is_told_unsplit(context, word):
    with pytest.raises(TaskError, match="Linux allows 131,071; pass the data through a file"):
        words(context, f"/bin/echo 'a b' {word}")


def test_long_commands_of_words_with_escapes_are_split(context):
    line = "/bin/echo " + '\'a b\'\\ "c\\"" ' * 2000
    assert words(context, line) == ("/bin/echo", *['a b c"'] * 2000)
    with pytest.raises(TaskError, match="check its quotes"):
        words(context, f"{line} 'open")


def test_a_shell_command_goes_to_the_shell_as_it_is(context):
    assert words(context, "echo $HOME | tr a b > '{x}'", shell=True) == (
        "/bin/sh",
        "-c",
        "echo $HOME | tr a b > '{x}'",
    )


def test_values_and_arguments_are_quoted_for_the_shell(context):
    (Path(context.root) / "it's.txt").write_text("content\n")
    line = words(context, "cat {config_dir}/it\\'s.txt; echo", "a  b", "$HOME", "it's.txt", shell=True)
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    assert told == f"content\na  b $HOME {context.root}/it's.txt\n"


def test_options_are_appended(tmp_path):
    kwargs = {
        "--n": 200,
        "--lr": 1e-5,
        "--name": "a b",
        "--verbose": True,
        "--quiet": False,
        "--none": None,
        "-x": [1, "two"],
        "--path": tmp_path,
        "--np": np.float32(0.5),
        "--np-int": np.int64(3),
        "plain": 1,
    }
    added = with_options(Task("sim", ("first",)), kwargs).arguments
    expected = ["first", "--n", "200", "--lr", "1e-05", "--name", "a b", "--verbose", "-x", "1", "-x", "two"]
    assert added == (*expected, "--path", str(tmp_path), "--np", "0.5", "--np-int", "3")


@pytest.mark.parametrize(
    "task",
    [
        Task("sim --n 5"),
        Task("sim --n=5"),
        Task("sim", ("--n", "5")),
        Task("sim --n 5 | tee 'log", shell=True),
    ],
)
def test_a_command_that_carries_an_option_is_complete(task):
    assert with_options(task, {"--n": 200, "--m": 1}) is task


def test_a_longer_name_is_another_option():
    assert with_options(Task("sim --number 5"), {"--n": 2}).arguments == ("--n", "2")


def test_options_of_a_shell_command_are_appended_too(context):
    task = with_options(Task("echo", shell=True), {"--n": "a b"})
    assert argv(call_of(task), context) == ("/bin/sh", "-c", "echo --n 'a b'")


def test_values_without_a_text_are_refused():
    with pytest.raises(TaskError, match="option --n"):
        with_options(Task("sim"), {"--n": {"a": 1}})
