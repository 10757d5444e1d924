"""One process at a time: how it is started and how its end is told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rose_mpi.errors import HelperError
from rose_mpi.execution.helper_client import Helper
from tests.unit.execution.support import Runner, eventually, marked


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_success_is_told_with_output_times_and_resources(runner):
    exited = runner.one("/bin/sh", "-c", "echo first; echo '  last '; echo; echo warn >&2")
    assert (exited.exit_code, exited.signal, exited.error) == (0, "", "")
    assert (exited.last_line, exited.stderr_tail) == ("last", "warn")
    assert exited.started <= exited.finished
    assert exited.max_rss > 1 << 20
    assert runner.log("one.out").read_text() == "first\n  last \n\n"
    assert runner.log("one.err").read_text() == "warn\n"


def test_exit_code_is_told(runner):
    assert runner.one("/bin/sh", "-c", "exit 7").exit_code == 7


def test_signal_is_told_by_name(runner):
    exited = runner.one("/bin/sh", "-c", "kill -SEGV $$")
    assert (exited.exit_code, exited.signal) == (None, "SIGSEGV")


def test_real_time_signal_has_a_name_too(runner):
    assert runner.one("/bin/sh", "-c", "kill -40 $$").signal == "SIG40"


def test_cpu_seconds_are_of_the_task_and_its_children(runner):
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    exited = runner.one("/bin/sh", "-c", f"{sys.executable} -I -S -c '{busy}'; true")
    assert exited.cpu_seconds >= 0.3


def test_working_folder_is_made_and_used(runner):
    exited = runner.one("/bin/sh", "-c", "pwd")
    assert Path(exited.last_line) == runner.folder / "work"


def test_environment_is_the_ranks_and_the_tasks(tmp_path, run_name, monkeypatch):
    monkeypatch.setenv("FROM_RANK", "a b")
    monkeypatch.setenv("PMIX_RANK", "3")
    runner = Runner(tmp_path, run_name)
    exited = runner.one("/bin/sh", "-c", 'echo "$FROM_RANK,$OWN,$ROSE_RUN,$PMIX_RANK"', OWN="é")
    runner.helper.close()
    assert exited.last_line == f"a b,é,{run_name},"


def test_each_task_has_its_own_session(runner):
    session, pid = runner.one("/bin/sh", "-c", "echo $(cut -d' ' -f6 /proc/$$/stat) $$").last_line.split()
    assert session == pid


def test_stdin_is_empty(runner):
    assert runner.one("/bin/sh", "-c", "cat; echo end").last_line == "end"


def test_tasks_inherit_no_descriptors(runner):
    assert runner.one("/bin/sh", "-c", "echo /proc/$$/fd/*").last_line.count("/fd/") <= 4


def test_signals_have_their_defaults(runner):
    told = runner.one("/bin/grep", "-E", "SigIgn|SigBlk", "/proc/self/status")
    text = runner.log("one.out").read_text().split()
    assert told.exit_code == 0
    of_glibc = 1 << 31 | 1 << 32  # posix_spawn itself leaves these two ignored
    assert {int(mask, 16) & ~of_glibc for mask in text[1::2]} == {0}


def test_tasks_run_on_the_given_cores(tmp_path, run_name):
    core = max(os.sched_getaffinity(0))
    runner = Runner(tmp_path, run_name)
    runner.helper.close()
    runner.helper = Helper(run_name, frozenset({core}))
    exited = runner.one("/bin/sh", "-c", "grep Cpus_allowed_list /proc/self/status")
    runner.helper.close()
    assert exited.last_line.split() == ["Cpus_allowed_list:", str(core)]


@pytest.mark.parametrize(
    ("name", "content", "mode", "said"),
    [
        ("missing", None, 0, "there is no such file"),
        ("plain", "#!/bin/sh\n", 0o644, "chmod +x"),
        ("headless", "echo 1\n", 0o755, "neither a program nor a script"),
        ("stray", "#!/no/such/interpreter\n", 0o755, "interpreter named in its first line"),
    ],
)
def test_what_cannot_be_started_is_told_with_a_remedy(runner, tmp_path, name, content, mode, said):
    program = tmp_path / name
    if content is not None:
        program.write_text(content)
        program.chmod(mode)
    exited = runner.one(str(program))
    assert exited.exit_code is None
    assert str(program) in exited.error
    assert said in exited.error


def test_unusable_working_folder_is_told(runner):
    (runner.folder / "work").write_text("a file")
    assert "as working folder" in runner.one("/bin/true").error


def test_command_line_of_a_megabyte_works(runner):
    words = ["x" * 1000] * 1000
    exited = runner.one("/bin/sh", "-c", 'echo "$#"', "sh", *words)
    assert exited.last_line == "1000"


def test_too_long_word_is_told(runner):
    exited = runner.one("/bin/echo", "short", "x" * 200_000)
    assert "word 2 of its command line has 200,000 bytes" in exited.error
    assert "through a file" in exited.error


def test_too_long_command_line_is_told(runner):
    exited = runner.one("/bin/echo", *["x" * 100_000] * 100)
    assert "longer than Linux allows" in exited.error


def test_null_character_is_told(runner):
    assert "null" in runner.one("/bin/echo", "a\0b").error


def test_thousands_of_tasks_open_no_more_files_than_those_that_run(runner):
    for number in range(20):
        runner.start(str(number), "/bin/sleep", "0.2")
    runner.wait(20)
    before = most = descriptors(runner.helper.pid)
    started = ended = 0
    while ended < 2000:
        while started < 2000 and started - ended < 20:
            runner.start(str(started), "/bin/echo" if started % 100 == 0 else "/bin/true", "x")
            started += 1
        ended += len(runner.wait())
        most = max(most, descriptors(runner.helper.pid))
    assert descriptors(runner.helper.pid) == before
    assert most <= before + 20


def test_failed_starts_leak_no_descriptors(runner):
    runner.one("/bin/true")
    before = descriptors(runner.helper.pid)
    for _ in range(50):
        runner.one("/no/such/program")
    assert descriptors(runner.helper.pid) == before


def test_an_idle_helper_sleeps(runner):
    runner.one("/bin/true")
    runner.start("sleeper", "/bin/sleep", "60", timeout=50)

    def switches() -> int:
        lines = Path(f"/proc/{runner.helper.pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

    before = switches()
    subprocess.run(["/bin/sleep", "1"], check=True)
    assert switches() - before < 10


def test_error_in_the_helper_comes_with_its_traceback(runner):
    runner.start("a", "/bin/sleep", "60")
    runner.helper._send(("start", "too few fields"))
    with pytest.raises(HelperError, match=r"Traceback(?s:.*)values to unpack"):
        runner.wait(2)


def test_killed_helper_is_told(runner):
    os.kill(runner.helper.pid, signal.SIGKILL)
    with pytest.raises(HelperError, match="code -9"):
        runner.wait()
    with pytest.raises(HelperError):
        runner.start("late", "/bin/true")


def test_tasks_do_not_outlive_a_killed_helper(runner, run_name):
    runner.start("lost#0", "/bin/sh", "-c", "sleep 300 & sleep 300", ROSE_TASK="lost")
    assert eventually(lambda: len(marked(run_name)) == 4)
    os.kill(runner.helper.pid, signal.SIGKILL)
    with pytest.raises(HelperError):
        runner.wait()
    assert eventually(lambda: not marked(run_name))


def test_helper_ignores_the_terminal_and_the_scheduler(runner):
    runner.one("/bin/true")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(runner.helper.pid, number)
    assert runner.one("/bin/true").exit_code == 0
    assert os.getsid(runner.helper.pid) == runner.helper.pid


def test_helper_imports_the_standard_library_only():
    code = "import rose_mpi.execution.helper_process, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(modules.stdout.split())
    assert not loaded & {"numpy", "mpi4py", "numba", "h5py", "socket", "dataclasses", "rose_mpi.tasks"}
