"""Tasks that the kernel kills for want of memory."""

import os
import sys
import uuid
from pathlib import Path

import pytest

from rose_mpi.execution import memory
from rose_mpi.execution.memory import OutOfMemory
from tests.unit.execution.support import Runner

GREEDY = "held = [bytearray(b'x') * (1 << 20) for _ in range(1000)]"
LIMIT = 96 << 20


def join(group):
    Path(group, "cgroup.procs").write_text(str(os.getpid()))


@pytest.fixture
def little_memory():
    """A control group with little memory."""
    own = OutOfMemory().group
    limits = [name for name in ("memory.max", "memory.limit_in_bytes") if Path(own, name).exists()]
    group = Path(own, f"rose-{uuid.uuid4().hex}")
    try:
        group.mkdir()
        (group / (limits or ["memory.max"])[0]).write_text(str(LIMIT))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    group.rmdir()


@pytest.fixture
def starving(tmp_path, run_name, little_memory):
    """A helper process in that group; only while it starts is this process there as well."""
    join(little_memory)
    runner = Runner(tmp_path, run_name)
    runner.one("/bin/true")
    join(little_memory.parent)
    yield runner
    runner.helper.close()


def test_a_task_that_is_killed_for_want_of_memory_is_told_as_such(starving, little_memory):
    exited = starving.one(sys.executable, "-I", "-S", "-c", GREEDY)
    assert (exited.signal, exited.out_of_memory) == ("SIGKILL", str(little_memory))


def test_a_task_whose_child_is_killed_for_want_of_memory_is_told_as_such(starving, little_memory):
    exited = starving.one("/bin/sh", "-c", f'{sys.executable} -I -S -c "{GREEDY}"; exit 3')
    assert (exited.exit_code, exited.out_of_memory) == (3, str(little_memory))


def test_the_failure_of_another_task_has_nothing_to_do_with_it(starving):
    starving.one(sys.executable, "-I", "-S", "-c", GREEDY)
    exited = starving.one("/bin/sh", "-c", "kill -KILL $$")
    assert (exited.signal, exited.out_of_memory) == ("SIGKILL", "")


def test_the_groups_of_both_versions_are_found_where_they_are_mounted(monkeypatch, tmp_path):
    mounts = (
        "30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro\n"
        "31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
        "35 30 0:31 /job7 /sys/fs/cgroup/memory rw shared:14 - cgroup cgroup rw,memory\n"
        "36 30 0:32 / /sys/fs/cgroup/cpu rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
    )
    (tmp_path / "mounts").write_text(mounts)
    (tmp_path / "groups").write_text("4:cpu,cpuacct:/x\n3:memory:/job7/step0\n0::/a:b\n")
    files = {"/proc/self/mountinfo": tmp_path / "mounts", "/proc/self/cgroup": tmp_path / "groups"}
    monkeypatch.setattr(memory, "open", lambda name: files[name].open(), raising=False)
    assert list(memory._candidates()) == [
        ("/sys/fs/cgroup/unified/a:b", "memory.events"),
        ("/sys/fs/cgroup/memory/step0", "memory.oom_control"),
    ]


def test_where_nothing_can_be_seen_nothing_is_told(monkeypatch):
    monkeypatch.setattr(memory, "_candidates", lambda: iter([("/nowhere", "memory.events")]))
    blind = OutOfMemory()
    assert (blind.group, blind.since(blind.seen())) == ("", 0)
