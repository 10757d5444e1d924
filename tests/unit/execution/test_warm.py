"""A script started by the preloaded Python is what it is when Python is started anew."""

import os
import re
import signal
import sys
import uuid
from pathlib import Path

import pytest

from rose_mpi.execution.spawned import WarmStart
from tests.unit.execution.support import Runner, eventually, marked
from tests.unit.execution.warm_scripts import SAME

HOW = """
import gc, os
if __name__ == "__main__":
    with open(os.environ["HOW"], "w") as how: how.write(str(gc.get_freeze_count() > 999))
    del gc, os, how
"""
"""The beginning of every script leaves whether the preloaded Python started it."""
NOT_EVEN_BEGUN = {"syntax error", "wrong indentation", "null character"}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


class WarmRunner(Runner):
    """A runner with a preloaded Python, and one without."""

    def __init__(self, folder: Path, *modules: str, **environment: str) -> None:
        name = f"test-{uuid.uuid4().hex}"
        self.environment = ONE_THREAD | environment
        super().__init__(folder, name, WarmStart(modules, self.environment, speaks_for_all=True))
        self.plain = Runner(folder, name)
        self.how_file = str(folder / "how")

    def script(self, text: str, name: str = "script.py") -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOW + text)
        return str(path)

    def python(self, text: str, *arguments: str, **environment: str):
        """Run a script the warm way."""
        return self.how(sys.executable, self.script(text), *arguments, **environment)

    def how(self, *argv: str, **environment: str):
        """How a command ended, and whether it was started warm."""
        exited = self.one(*argv, **{"HOW": self.how_file, **self.environment, **environment})
        return exited, self.was_warm()

    def was_warm(self) -> bool:
        """Whether a script was started warm since this was asked last."""
        file = Path(self.how_file)
        warm = file.exists() and file.read_text() == "True"
        file.unlink(missing_ok=True)
        return warm

    def ready(self) -> bool:
        return self.python("")[1]

    def preloaded(self) -> int:
        """Process id of the preloaded Python."""
        return min(pid for pid in children(self.helper.pid) if b"zygote" in command_line(pid))

    def close(self) -> None:
        self.helper.close()
        self.plain.helper.close()
        assert not marked(self.run)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    runner = WarmRunner(tmp_path_factory.mktemp("warm"), "numpy")
    assert eventually(runner.ready, 30)
    yield runner
    runner.close()


class Maker:
    """Makes runners for tests that spoil them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[WarmRunner] = []

    def __call__(self, *modules: str, **environment: str) -> WarmRunner:
        self.made.append(WarmRunner(self.folder, *modules, **environment))
        return self.made[-1]


@pytest.fixture
def own(tmp_path):
    maker = Maker(tmp_path)
    yield maker
    for runner in maker.made:
        runner.close()


@pytest.mark.parametrize("name", SAME)
def test_a_script_is_the_same(warm, name):
    script = warm.script(SAME[name])
    ends = []
    for runner in (warm, warm.plain):
        for left in (*warm.folder.glob("logs/*"), *warm.folder.glob("work/*")):
            left.unlink()
        exited = runner.one(
            sys.executable, script, "--n", "2", "é\udce9", "", OWN="é=1", HOW=warm.how_file, **ONE_THREAD
        )
        output = [neutral(runner.log(log)) for log in ("one.out", "one.err")]
        files = {path.name: path.read_text() for path in warm.folder.glob("work/*")}
        ends.append((exited.exit_code, exited.signal, exited.error, exited.last_line, output, files))
        assert warm.was_warm() is (runner is warm and name not in NOT_EVEN_BEGUN)
    assert ends[0] == ends[1]


def neutral(log: Path) -> str:
    """What was written, without addresses."""
    return re.sub(r"0x[0-9a-f]+", "0x", log.read_text(errors="replace")) if log.exists() else ""


def test_unbuffered_output_is_unbuffered(warm):
    script = warm.script(
        """
import os, sys
print(sys.stdout.write_through, sys.stdout.name, sys.stdout.buffer, sys.stderr is sys.__stderr__)
sys.stdout.write('a')
sys.stdout.buffer.write(b'b')
os._exit(0)
"""
    )
    exited, was_warm = warm.how(sys.executable, "-u", script)
    said = warm.log("one.out").read_text()
    warm.plain.one(sys.executable, "-u", script, HOW=warm.how_file)
    assert (was_warm, exited.last_line) == (True, "ab")
    assert said == warm.log("one.out").read_text()


@pytest.mark.parametrize(
    "options",
    [["-B"], ["-O"], ["-I"], ["-s"], ["-E"], ["-X", "utf8"], ["-W", "error"], ["-uB"], ["-u", "-B"]],
)
def test_other_options_are_honoured(warm, options):
    script = warm.script("import sys; print(sys.flags, sys.orig_argv, sys.warnoptions)")
    exited, was_warm = warm.how(sys.executable, *options, script)
    plain = warm.plain.one(sys.executable, *options, script, HOW=warm.how_file, **ONE_THREAD)
    assert (was_warm, exited.exit_code, exited.last_line) == (False, 0, plain.last_line)


@pytest.mark.parametrize("words", [["-c", "print('words')"], ["-m", "textwrap"], ["-V"], ["-"]])
def test_commands_without_a_script_work(warm, words):
    exited = warm.one(sys.executable, *words)
    assert (exited.exit_code, exited.stderr_tail) == (0, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONDONTWRITEBYTECODE", "2"),
        ("PYTHONPATH", "/somewhere"),
        ("LD_LIBRARY_PATH", "/somewhere"),
        ("OPENBLAS_NUM_THREADS", "2"),
        ("ANY_NUM_THREADS", "3"),
        ("LC_ALL", "C"),
        ("NPY_PROMOTION_STATE", "weak"),
    ],
)
def test_other_variables_at_start_are_honoured(warm, name, value):
    exited, was_warm = warm.python(f"import os; print(os.environ['{name}'])", **{name: value})
    assert (was_warm, exited.last_line) == (False, value)


def test_a_variable_that_is_read_while_a_module_is_imported_is_honoured(own):
    folder = own.folder / "modules"
    folder.mkdir()
    (folder / "reader.py").write_text("import os\nvalue = os.environ.get('MODE', 'none')\n")
    runner = own("reader", PYTHONPATH=str(folder), MODE="one")
    assert eventually(runner.ready)
    outcomes = [runner.python("import reader; print(reader.value)", MODE=mode) for mode in ("one", "two")]
    assert [(exited.last_line, was_warm) for exited, was_warm in outcomes] == [("one", True), ("two", False)]


def test_another_interpreter_is_used(warm):
    link = warm.folder / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    script = warm.script("import sys; print(sys.executable)")
    exited, was_warm = warm.how(str(link), script)
    assert (was_warm, exited.last_line) == (False, str(link))


def test_another_name_of_the_interpreter_is_the_same(warm):
    other = next(path for path in Path(sys.executable).parent.glob("python*") if path.name != "python")
    script = warm.script("import sys; print(sys.executable)")
    exited, was_warm = warm.how(str(other), script)
    assert (was_warm, exited.last_line) == (other.samefile(sys.executable), str(other))


def test_what_is_no_script_is_left_to_python(warm):
    folder = warm.folder / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text("import sys; print('folder', sys.path[0])")
    missing, _ = warm.how(sys.executable, str(warm.folder / "missing.py"))
    program, _ = warm.how(sys.executable, str(folder))
    relative, _ = warm.how(sys.executable, "missing.py")
    assert (missing.exit_code, relative.exit_code) == (2, 2)
    assert "can't open file" in missing.stderr_tail
    assert program.last_line == f"folder {folder}"


def test_modules_beside_the_script_are_its_own(warm):
    for name in ("a", "b"):
        warm.script(f"where = '{name}'", f"{name}/common.py")
        warm.script("import common; print(common.where)", f"{name}/script.py")
    for _ in range(2):
        for name in ("a", "b"):
            exited, was_warm = warm.how(sys.executable, str(warm.folder / name / "script.py"))
            assert (exited.last_line, was_warm) == (name, True)


def test_a_link_to_a_script_finds_the_modules_beside_the_script(warm):
    warm.script("where = 'there'", "there/beside.py")
    warm.script("import beside, sys; print(beside.where, __file__, sys.argv[0])", "there/script.py")
    link = warm.folder / "link.py"
    link.symlink_to(warm.folder / "there" / "script.py")
    exited, was_warm = warm.how(sys.executable, str(link))
    assert (exited.last_line, was_warm) == (f"there {link} {link}", True)


def test_a_module_beside_the_script_wins_over_a_loaded_one(warm):
    warm.script("array = 'of its own'", "shadowing/numpy.py")
    warm.script("import numpy; print(numpy.array)", "shadowing/script.py")
    exited, was_warm = warm.how(sys.executable, str(warm.folder / "shadowing" / "script.py"))
    assert (exited.last_line, was_warm) == ("of its own", False)


def test_a_script_whose_folder_cannot_be_listed_runs(warm):
    script = Path(warm.script("print(5)", "folder/script.py"))
    with script.open() as file:
        script.unlink()
        script.parent.rmdir()
        exited, _ = warm.how(sys.executable, f"/proc/{os.getpid()}/fd/{file.fileno()}")
    assert (exited.exit_code, exited.last_line) == (0, "5"), exited.stderr_tail


def test_random_numbers_differ_from_task_to_task(warm):
    draw = """
import random, numpy as np
print(random.random(), np.random.rand(), np.random.default_rng().random())
"""
    drawn = [warm.python(draw)[0].last_line.split() for _ in range(3)]
    assert len({number for numbers in drawn for number in numbers}) == 9


def test_random_numbers_follow_a_seed(warm):
    draw = """
import random, numpy as np
random.seed(3)
np.random.seed(3)
print(random.random(), np.random.rand())
"""
    drawn = {warm.python(draw)[0].last_line for _ in range(2)}
    assert drawn == {warm.plain.one(sys.executable, warm.script(draw), HOW=warm.how_file).last_line}


def test_resources_are_the_tasks_own(warm):
    used, was_warm = warm.python("import time\nwhile time.process_time() < 0.3: pass")
    idle, _ = warm.python("pass")
    assert was_warm
    assert 0.3 <= used.cpu_seconds < 1.0
    assert idle.cpu_seconds < 0.1
    assert idle.max_rss > 10 << 20


def test_command_line_and_name_are_shown(warm):
    script = warm.script("print(open('/proc/self/cmdline').read().split('\\0')[1])")
    exited, was_warm = warm.how(sys.executable, script)
    assert (exited.last_line, was_warm) == (script, True)


def test_a_timeout_ends_the_tree(warm):
    script = warm.script(
        """
import subprocess, os, time
subprocess.Popen(['sleep', '600'], start_new_session=True)
if os.fork() == 0: os.setsid()
time.sleep(600)
"""
    )
    warm.start("slow", sys.executable, script, timeout=0.5, HOW=warm.how_file, **ONE_THREAD)
    exited = warm.wait()[0]
    assert warm.was_warm()
    assert (exited.timed_out, exited.signal) == (True, "SIGTERM")
    assert not marked("ROSE_TASK=slow")


def test_a_kill_may_be_answered(warm):
    script = warm.script(
        """
import signal, sys, time
def end(*_):
    print('saved')
    sys.exit(9)
signal.signal(signal.SIGTERM, end)
open('up', 'w').close()
time.sleep(600)
"""
    )
    warm.start("polite", sys.executable, script, HOW=warm.how_file, **ONE_THREAD)
    assert eventually((warm.folder / "work" / "up").exists)
    warm.helper.kill("polite")
    exited = warm.wait()[0]
    assert (exited.killed, exited.exit_code, exited.last_line) == (True, 9, "saved")


def test_what_ignores_sigterm_is_killed(warm):
    script = warm.script(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    )
    warm.start("stubborn", sys.executable, script, timeout=0.5, HOW=warm.how_file, **ONE_THREAD)
    assert warm.wait()[0].signal == "SIGKILL"


def test_daemons_end_with_their_task_while_others_run(warm):
    daemon = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], 'w').write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
while not (os.path.exists(sys.argv[1]) and open(sys.argv[1]).read()): time.sleep(0.01)
time.sleep(float(sys.argv[2]))
"""
    script = warm.script(daemon, "daemon.py")
    for name, seconds in (("other", "600"), ("mine", "0")):
        warm.start(name, sys.executable, script, f"{name}.pid", seconds, HOW=warm.how_file, **ONE_THREAD)
    assert warm.wait()[0].token == "mine"
    files = [warm.folder / "work" / f"{name}.pid" for name in ("mine", "other")]
    assert eventually(lambda: all(file.exists() and file.read_text() for file in files))
    mine, other = (file.read_text() for file in files)
    assert eventually(lambda: not Path(f"/proc/{mine}").exists())
    assert Path(f"/proc/{other}").exists()
    warm.helper.kill("other")
    warm.wait()
    assert eventually(lambda: not Path(f"/proc/{other}").exists())


def test_many_tasks_at_once_leak_nothing(warm):
    def held():
        pids = (warm.helper.pid, warm.preloaded())
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids]

    script = warm.script("import sys; print(sys.argv[1])")

    def burst():
        for number in range(100):
            warm.start(str(number), sys.executable, script, str(number), HOW=warm.how_file, **ONE_THREAD)
        ended = {exited.token: exited.last_line for exited in warm.wait(100)}
        assert ended == {str(number): str(number) for number in range(100)}

    burst()
    before = held()
    burst()
    assert eventually(lambda: held() == before)
    assert len(children(warm.preloaded())) == 1


def test_a_task_too_large_for_a_packet_takes_the_ordinary_way(warm):
    exited, was_warm = warm.python("import sys; print(len(sys.argv))", *["x" * 1000] * 300)
    assert (exited.last_line, was_warm) == ("301", False)


def test_the_ranks_signals_do_not_end_the_preloaded_python(warm):
    for pid in (warm.preloaded(), *children(warm.preloaded())):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
    assert warm.ready()


def test_a_preloaded_python_that_is_killed_is_told_once_and_missed_by_nobody(own, caplog):
    runner = own()
    assert eventually(runner.ready)
    script = runner.script("import time; time.sleep(1); print('done')")
    runner.start("running", sys.executable, script, HOW=runner.how_file, **ONE_THREAD)
    assert eventually(runner.was_warm)
    os.kill(runner.preloaded(), signal.SIGKILL)
    assert eventually(lambda: not runner.ready())
    exited = runner.wait()[0]
    assert (exited.token, exited.exit_code, exited.last_line) == ("running", 0, "done")
    assert len(caplog.messages) == 1
    assert "ended (SIGKILL), so tasks start the ordinary way from now on" in caplog.messages[0]


def test_a_preloaded_python_that_is_slow_is_not_waited_for_long(own):
    runner = own()
    assert eventually(runner.ready)
    preloaded = runner.preloaded()
    assert eventually(lambda: children(preloaded))
    os.kill(preloaded, signal.SIGSTOP)
    script = runner.script("")
    for token in ("with the fork that waits", "without one"):
        runner.start(token, sys.executable, script, HOW=runner.how_file, **runner.environment)
    assert runner.wait()[0].token == "without one"
    os.kill(preloaded, signal.SIGCONT)
    assert runner.wait()[0].token == "with the fork that waits"
    assert runner.ready()


def test_the_helpers_death_leaves_nothing(own):
    runner = own()
    assert eventually(runner.ready)
    os.kill(runner.helper.pid, signal.SIGKILL)
    assert eventually(lambda: not set(marked(runner.run)) - {runner.plain.helper.pid})


def test_modules_that_cannot_be_imported_are_told_and_left_out(own, caplog):
    (own.folder / "leaving.py").write_text("raise SystemExit(3)")
    runner = own("no_such_module", "leaving", "json", PYTHONPATH=str(own.folder))
    assert eventually(runner.ready)
    exited, _ = runner.python("import sys; print('json' in sys.modules)", PYTHONPATH=str(own.folder))
    assert exited.last_line == "True"
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "preload: no_such_module cannot be imported (ModuleNotFoundError: No module named 'no_such_module')",
        "preload: leaving cannot be imported (SystemExit: 3)",
    ]


def test_modules_that_run_threads_are_told(own, caplog):
    (own.folder / "threads.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    runner = own("threads", PYTHONPATH=str(own.folder))
    assert eventually(lambda: not runner.ready() and caplog.messages)
    assert caplog.messages == [
        "warm Python is off: the imported modules run 1 threads, which a fork would lose"
    ]


def test_a_search_path_that_depends_on_the_folder_is_told(own, caplog):
    runner = own("json", PYTHONPATH="/somewhere:")
    assert not runner.ready()
    assert "PYTHONPATH holds a folder that is not absolute" in caplog.messages[0]


def test_modules_that_read_a_tasks_variables_are_told(own, caplog):
    (own.folder / "seeded.py").write_text("import os\nseed = os.environ.get('ROSE_SEED')")
    runner = own("seeded", PYTHONPATH=str(own.folder))
    assert eventually(lambda: not runner.ready() and caplog.messages)
    assert "read ROSE_SEED" in caplog.messages[0]


def test_modules_that_read_what_all_tasks_have_are_served(own, caplog):
    (own.folder / "reader.py").write_text("import os\nvariables = dict(os.environ)")
    runner = own("reader", PYTHONPATH=str(own.folder), ROSE_ROOT="/root", ROSE_VENV="/venv")
    (own.folder / "scripts").mkdir()
    script = runner.script("", "scripts/script.py")
    assert eventually(lambda: runner.how(sys.executable, script)[1])
    assert not caplog.messages


def test_learning_works_in_a_fork(own):
    runner = own("sklearn.ensemble", "sklearn.linear_model", OMP_NUM_THREADS="1")
    learn = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from joblib import Parallel, delayed
x = np.random.default_rng(0).normal(size=(300, 8))
y = (x[:, 0] + x[:, 1] > 0).astype(int)
forest = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(x, y)
with threadpool_limits(2):
    line = LogisticRegression().fit(x, y)
    product = np.ones((700, 500)) @ np.ones((500, 600))
pooled = Parallel(2)(delayed(abs)(-i) for i in range(3))
print(forest.score(x, y), line.score(x, y) > 0.95, product.sum(), pooled)
"""
    assert eventually(runner.ready, 30)
    exited, was_warm = runner.python(learn)
    assert (exited.exit_code, was_warm, exited.stderr_tail) == (0, True, "")
    assert exited.last_line == "1.0 True 210000000.0 [0, 1, 2]"
