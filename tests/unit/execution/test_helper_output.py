"""Output of every kind is kept in part and in bounds."""

import errno
import os
import re
import sys
from pathlib import Path

from rose_mpi.execution.capture import LOG_LIMIT, Capture
from rose_mpi.execution.listening import Listener
from rose_mpi.execution.pipes import Pipe


def peak_memory(pid: int) -> int:
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) << 10


def test_no_output_leaves_no_file(runner):
    exited = runner.one("/bin/true")
    assert (exited.last_line, exited.stderr_tail, exited.line_too_long) == ("", "", False)
    assert not runner.log("").exists()


def test_hundreds_of_megabytes_take_little_memory_and_disk(runner):
    exited = runner.one("/bin/sh", "-c", "yes 0123456789abcde | head -c 300000000; echo; echo end")
    assert (exited.exit_code, exited.last_line) == (0, "end")
    assert peak_memory(runner.helper.pid) < 40 << 20
    log = runner.log("one.out")
    assert LOG_LIMIT < log.stat().st_size < LOG_LIMIT + 100
    with log.open("rb") as file:
        file.seek(LOG_LIMIT)
        assert file.read() == f"\n[{300000005 - LOG_LIMIT} more bytes were dropped]\n".encode()


def test_output_without_end_or_newline_is_bounded(runner):
    exited = runner.one("/bin/sh", "-c", "cat /dev/zero & cat /dev/zero >&2", timeout=1.5)
    assert exited.timed_out
    assert exited.line_too_long
    assert exited.last_line == ""
    assert len(exited.stderr_tail) <= 4096
    assert peak_memory(runner.helper.pid) < 40 << 20


def test_binary_output_is_text_of_a_kind(runner):
    exited = runner.one("/bin/sh", "-c", "head -c 100000 /dev/urandom; printf '\\n\\377\\0x\\n'")
    assert exited.last_line == "\ufffd\0x"


def test_line_of_almost_a_mebibyte_is_whole(runner):
    exited = runner.one("/bin/sh", "-c", "echo start; yes | tr -d '\\n' | head -c 1048000; echo; echo")
    assert exited.last_line == "y" * 1_048_000


def test_longer_line_is_told_as_too_long(runner):
    exited = runner.one("/bin/sh", "-c", "echo start; yes | tr -d '\\n' | head -c 1049000; echo")
    assert (exited.last_line, exited.line_too_long) == ("", True)


def test_short_line_after_a_long_one_is_told(runner):
    exited = runner.one("/bin/sh", "-c", "yes | tr -d '\\n' | head -c 5000000; echo; echo 0.5")
    assert (exited.last_line, exited.line_too_long) == ("0.5", False)


def test_stderr_keeps_its_last_lines(runner):
    exited = runner.one("/bin/sh", "-c", "seq 1 1000 >&2")
    assert exited.stderr_tail.splitlines() == [str(n) for n in range(981, 1001)]


def test_a_task_may_close_its_output(runner):
    exited = runner.one("/bin/sh", "-c", "echo 1; exec >&- 2>&-; sleep 0.2; exit 4")
    assert (exited.exit_code, exited.last_line) == (4, "1")


def test_a_log_that_cannot_be_written_spoils_nothing(runner):
    runner.log("").write_text("a file where the folder should be")
    exited = runner.one("/bin/sh", "-c", "echo 1; echo bad >&2")
    assert (exited.exit_code, exited.last_line) == (0, "1")
    assert exited.stderr_tail.startswith("(log not written: ")
    assert exited.stderr_tail.endswith(")\nbad")


def test_a_log_whose_end_cannot_be_written_spoils_nothing(tmp_path, monkeypatch):
    capture = Capture(str(tmp_path / "log"), 100)
    capture.take(b"some\nwords\n")

    def fail(descriptor):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "close", fail)
    capture.close()
    assert capture.tail(1) == "(log not written: [Errno 122] Disk quota exceeded)\nwords"


def test_a_pipe_that_somebody_writes_to_for_ever_is_drained_to_its_size(tmp_path):
    class Endless(Capture):
        taken = 0

        def take(self, data):
            self.taken += len(data)
            os.write(pipe.write_end, data)

    pipe = Pipe(Listener(), Endless(str(tmp_path / "log"), 100))
    os.write(pipe.write_end, b"x" * 65536)
    pipe.drain()
    pipe.close()
    assert pipe.capture.taken == 2 * 65536


def test_output_of_what_a_task_left_behind_never_reaches_the_next(runner):
    runner.shell("long", "sleep 600")
    runner.shell("first", "env -i setsid sh -c 'while :; do echo noise; sleep 0.01; done' & sleep 0.1")
    runner.wait()
    runner.shell("next", "sleep 0.2; echo mine")
    runner.wait()
    assert runner.log("next.out").read_text() == "mine\n"
    assert not runner.log("next.err").exists()


def test_flags_that_a_task_sets_on_its_output_end_with_it(runner):
    script = "import os; print(*map(os.get_blocking, (1, 2))); [os.set_blocking(n, False) for n in (1, 2)]"
    for _ in range(2):
        assert runner.one(sys.executable, "-c", script).last_line == "True True"
