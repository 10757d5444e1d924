"""Nothing of a task is left: not after its end, nor its timeout, nor the death of its rank."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.unit.execution.support import eventually, marked

DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3): os.fork()
open(sys.argv[1] + str(os.getpid()), "w").close()
time.sleep(600)
"""

RESTLESS = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3): os.fork()
while True:
    time.sleep(0.001)
    if os.fork(): os._exit(0)
    os.setsid()
"""


@pytest.fixture
def daemon(tmp_path):
    """Command of a process that detaches itself from its parent, session and terminal."""
    script = tmp_path / "daemon.py"
    script.write_text(DAEMON)
    return f"{sys.executable} -I -S {script}"


def nothing_left(run, but=()):
    return lambda: not set(marked(run)) - set(but)


def gone(pid_file):
    return lambda: not os.path.exists(f"/proc/{pid_file.read_text()}")  # noqa: PTH110


def test_timeout_ends_the_whole_tree(runner, run_name):
    runner.shell("a", "sleep 600 & (sleep 600 & sleep 600); sleep 600", timeout=0.3)
    exited = runner.wait()[0]
    assert exited.timed_out and not exited.killed
    assert exited.signal == "SIGTERM"
    assert nothing_left(run_name, [runner.helper.pid])()


def test_timeout_ends_what_ignores_sigterm(runner, tmp_path, run_name):
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    runner.start("a", sys.executable, "-I", "-S", str(script), str(tmp_path / "up"), timeout=1.0)
    exited = runner.wait()[0]
    assert len(list(tmp_path.glob("up*"))) == 8
    assert (exited.timed_out, exited.signal) == (True, "SIGKILL")
    assert nothing_left(run_name, [runner.helper.pid])()


def test_timeout_ends_daemons(runner, tmp_path, run_name, daemon):
    runner.shell("a", f"{daemon} {tmp_path}/pid; sleep 600", timeout=1.0)
    assert runner.wait()[0].timed_out
    assert (tmp_path / "pid").exists()
    assert nothing_left(run_name, [runner.helper.pid])()


@pytest.mark.parametrize("seconds", [30 * 86400.0, 1e300])
def test_a_timeout_may_be_longer_than_the_kernel_can_wait(runner, seconds):
    runner.shell("a", "sleep 0.2", timeout=seconds)
    exited = runner.wait()[0]
    assert (exited.exit_code, exited.timed_out) == (0, False)


def test_a_timed_out_task_may_clean_up(runner):
    runner.shell("a", "trap 'sleep 0.5; echo saved; exit 9' TERM; sleep 600 & wait", timeout=0.5)
    exited = runner.wait()[0]
    assert (exited.timed_out, exited.exit_code, exited.last_line) == (True, 9, "saved")


def test_children_of_a_timed_out_task_may_clean_up(runner):
    inner = "trap 'sleep 0.5; echo saved; exit' TERM; sleep 600 & wait"
    runner.shell("a", f'sh -c "{inner}" & wait', timeout=0.5)
    exited = runner.wait()[0]
    assert (exited.signal, exited.last_line) == ("SIGTERM", "saved")


def test_kill_ends_one_task_alone(runner, run_name):
    runner.shell("a", "sleep 600; true")
    runner.shell("b", "sleep 600; true")
    runner.helper.kill("a")
    runner.helper.kill("unknown")
    exited = runner.wait()[0]
    assert (exited.token, exited.killed, exited.timed_out) == ("a", True, False)
    assert len(set(marked("ROSE_TASK=b")) & set(marked(run_name))) == 2
    assert not set(marked("ROSE_TASK=a")) & set(marked(run_name))


def test_kill_ends_daemons_and_what_ignores_sigterm(runner, tmp_path, run_name, daemon):
    runner.shell("a", f"{daemon} {tmp_path}/pid; trap '' TERM; while :; do sleep 0.1; done")
    assert eventually((tmp_path / "pid").exists)
    runner.helper.kill("a")
    exited = runner.wait()[0]
    assert (exited.killed, exited.signal) == (True, "SIGKILL")
    assert nothing_left(run_name, [runner.helper.pid])()


def test_kill_after_the_timeout_stays_a_timeout(runner):
    runner.shell("a", "trap '' TERM; while :; do sleep 0.1; done", timeout=0.2)
    time.sleep(0.6)
    runner.helper.kill("a")
    exited = runner.wait()[0]
    assert (exited.timed_out, exited.killed) == (True, False)


def test_background_processes_end_with_their_task(runner, tmp_path):
    runner.shell("a", f"sleep 600 & echo $! > {tmp_path}/pid; echo done")
    exited = runner.wait()[0]
    assert (exited.exit_code, exited.last_line) == (0, "done")
    assert eventually(gone(tmp_path / "pid"))


def test_daemons_end_with_their_task_while_others_run(runner, tmp_path, daemon):
    runner.shell("other", f"{daemon} {tmp_path}/other; sleep 600")
    assert eventually((tmp_path / "other").exists)
    runner.shell("a", f"{daemon} {tmp_path}/mine; while [ ! -s {tmp_path}/mine ]; do sleep 0.05; done")
    assert runner.wait()[0].token == "a"
    assert eventually(gone(tmp_path / "mine"))
    assert not gone(tmp_path / "other")()


def test_a_daemon_of_the_last_attempt_is_not_the_next_ones(runner, tmp_path, daemon):
    wait = f"while [ ! -s {tmp_path}/pid ]; do sleep 0.05; done"
    runner.start("a#0", "/bin/sh", "-c", f"{daemon} {tmp_path}/pid; {wait}", ROSE_TASK="a", ROSE_ATTEMPT="0")
    runner.start("a#1", "/bin/sleep", "600", ROSE_TASK="a", ROSE_ATTEMPT="1")
    assert runner.wait()[0].token == "a#0"
    assert eventually(gone(tmp_path / "pid"))


def test_a_daemon_that_hides_its_origin_ends_when_nothing_else_runs(runner, tmp_path, daemon):
    wait = f"while [ ! -s {tmp_path}/pid ]; do sleep 0.05; done"
    runner.shell("other", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    runner.shell("a", f"env -i {daemon} {tmp_path}/pid; {wait}")
    assert runner.wait()[0].token == "a"
    assert not gone(tmp_path / "pid")()
    (tmp_path / "go").touch()
    assert runner.wait()[0].token == "other"
    assert eventually(gone(tmp_path / "pid"))


def test_an_open_pipe_of_a_daemon_delays_nothing(runner, tmp_path, daemon):
    runner.shell("a", f"{daemon} {tmp_path}/pid & echo done; exit 0")
    exited = runner.wait(seconds=10)[0]
    assert exited.last_line == "done"


@pytest.mark.parametrize(("seconds", "timeout"), [(0.5, None), (600, 1.0)])
def test_processes_that_replace_themselves_all_the_time_are_ended(
    runner, tmp_path, run_name, seconds, timeout
):
    script = tmp_path / "restless.py"
    script.write_text(RESTLESS)
    runner.shell("a", f"{sys.executable} -I -S {script} & sleep {seconds}", timeout)
    assert runner.wait()[0].timed_out is (timeout is not None)
    assert eventually(nothing_left(run_name, [runner.helper.pid]))


def test_close_leaves_nothing(runner, tmp_path, run_name, daemon):
    runner.shell("a", f"{daemon} {tmp_path}/pid; trap '' TERM; while :; do sleep 0.1; done")
    assert eventually((tmp_path / "pid").exists)
    runner.helper.close()
    assert nothing_left(run_name)()


RANK = """
import os, sys, time
from rose_mpi.execution.helper_client import Helper
from rose_mpi.execution.spawned import Spawn
helper = Helper(sys.argv[1], frozenset())
for number in range(2):
    script = f"{sys.argv[2]} {sys.argv[3]}/pid{number}; trap '' TERM; while :; do sleep 0.1; done"
    argv = ("/bin/sh", "-c", script)
    helper.start(Spawn(str(number), argv, {}, sys.argv[3], "/dev/null", "/dev/null", None))
if sys.argv[4] == "fork" and os.fork() == 0:
    time.sleep(600)  # holds the rank's end of the channel open
while not all(os.path.exists(f"{sys.argv[3]}/pid{n}") for n in range(2)): time.sleep(0.02)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("kind", ["alone", "fork"])
def test_nothing_is_left_when_the_rank_is_killed(tmp_path, run_name, daemon, kind):
    rank = subprocess.Popen(
        [sys.executable, "-c", RANK, run_name, daemon, str(tmp_path), kind],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert rank.stdout.readline() == b"ready\n"
    tasks = marked(f"ROSE_RUN={run_name}")
    assert len(tasks) >= 5
    os.kill(rank.pid, signal.SIGKILL)
    rank.wait()
    rank.stdout.close()
    assert eventually(nothing_left(f"ROSE_RUN={run_name}"))
