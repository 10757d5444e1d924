"""How Python programs end, whatever goes wrong in them or whoever ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from textwrap import dedent

import pytest

from rose_mpi.store.reader import read_results
from tests.system.launching import environment, launcher, run_python
from tests.system.processes import eventually, tasks_of

pytestmark = pytest.mark.timeout(100)

HEAD = """
import asyncio, json, os, sys, time
from pathlib import Path
from rose_mpi.engine import Engine, WorkflowEngine
from rose_mpi.learner import Learner, SequentialActiveLearner

def make_learner(engine):
    learner = Learner(engine)
    learner.simulation = learner.simulation_task(lambda seconds=0: f"sleep {seconds}")
    learner.broken = learner.utility_task(lambda: "sh -c 'echo the reason >&2; exit 4'")
    learner.check = learner.as_stop_criterion("model_accuracy", 0.9)(lambda *_: "echo 0.95")
    return learner
"""
ENGINE = """
engine = Engine()
learner = make_learner(engine)
"""
ON_ONE_RANK = 'if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK")) == "1":\n    '


@pytest.fixture
def run(tmp_path):
    """Runs the text of a program; returns how it ended."""

    def run_program(ranks, *texts, timeout=40):
        script = tmp_path / "program.py"
        script.write_text("".join(map(dedent, texts)))
        return run_python(ranks, script, cwd=tmp_path, timeout=timeout)

    return run_program


def record_of(folder):
    return read_results(folder / "results.h5")


def line_of(folder, words):
    """The number of the program's line that holds these words."""
    lines = (folder / "program.py").read_text().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if words in line)


@pytest.mark.parametrize("ranks", [0, 3])
def test_an_exception_ends_the_job_and_its_tasks_soon(run, tmp_path, ranks):
    text = """
    futures = [learner.simulation(60) for _ in range(4)]
    time.sleep(0.5)
    Path("raised").write_text(str(time.time()))
    raise ValueError("on purpose")
    """
    outcome = run(ranks, HEAD, ENGINE, text)
    took = time.time() - float((tmp_path / "raised").read_text())
    assert outcome.code == 1, outcome
    assert took < 3
    assert outcome.errors.count("Traceback") == 1, outcome
    assert outcome.errors.count("ValueError: on purpose") == 1, outcome
    assert not tasks_of(tmp_path)
    record = record_of(tmp_path)
    assert record.status == "failed"
    assert {row.status for row in record.tasks} == {"cancelled"}


def test_an_exception_before_the_engine_is_told_once(run):
    outcome = run(3, HEAD, 'raise ValueError("on purpose")', ENGINE)
    assert outcome.code == 1, outcome
    assert outcome.errors.count("ValueError: on purpose") == 1, outcome


def test_an_exception_before_the_engine_on_one_rank_ends_all(run):
    outcome = run(3, HEAD, ON_ONE_RANK + 'raise ValueError("on purpose")', ENGINE)
    assert outcome.code == 1, outcome
    assert outcome.errors.count("ValueError: on purpose") == 1, outcome


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_wrong_option_is_one_line_with_its_place(run, tmp_path, ranks):
    outcome = run(ranks, HEAD, 'engine = Engine(max_iteration=3, seed="a")\n')
    assert outcome.code == 2, outcome
    (told,) = [line for line in outcome.errors.splitlines() if "max_iteration" in line]
    assert f"program.py, line {line_of(tmp_path, 'max_iteration')}: " in told
    assert "max_iterations" in told
    assert "Traceback" not in outcome.errors


@pytest.mark.parametrize("ranks", [0, 3])
def test_without_a_shutdown_what_was_started_ends_first(run, tmp_path, ranks):
    text = """
    @learner.as_async
    def blocking():
        learner.simulation(0.5).result()
        Path("blocking").touch()

    @learner.as_async
    async def awaiting():
        await learner.simulation(0.5)
        Path("awaiting").touch()

    blocking()
    awaiting()
    learner.simulation(0.5)
    """
    outcome = run(ranks, HEAD, ENGINE, text)
    assert outcome.code == 0, outcome
    assert (tmp_path / "blocking").exists()
    assert (tmp_path / "awaiting").exists()
    record = record_of(tmp_path)
    assert record.status == "done"
    assert [row.status for row in record.tasks] == ["done"] * 3


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_failure_that_nobody_asked_for_is_told(run, tmp_path, ranks):
    outcome = run(ranks, HEAD, ENGINE, "learner.broken()\nengine.shutdown()\n")
    assert outcome.code == 3, outcome
    assert outcome.errors.count("nobody asked for its result") == 1, outcome
    assert "the reason" in outcome.errors
    assert "Traceback" not in outcome.errors


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_failure_that_was_awaited_names_the_line(run, tmp_path, ranks):
    outcome = run(ranks, HEAD, ENGINE, "learner.broken().result()\n")
    assert outcome.code == 3, outcome
    assert outcome.errors.count("the reason") == 1, outcome
    assert f"program.py, line {line_of(tmp_path, 'broken()')}: task " in outcome.errors
    assert "Traceback" not in outcome.errors


LEFT = """
from rose_mpi.learner import LearnerConfig, ParallelActiveLearner, TaskConfig

def states(engine):
    learner = ParallelActiveLearner(engine)
    learner.simulation_task(lambda seconds: f"sleep {seconds}")
    learner.training_task(lambda *_: "true")
    configs = [LearnerConfig(simulation=TaskConfig(args=(seconds,))) for seconds in (0.01, 60)]
    return learner.start(max_iter=100, learner_configs=configs)

engine = Engine()
"""
LEFT_BY_FOR = """
kept = states(engine)
for _ in kept:
    break
"""
LEFT_BY_ASYNC_FOR = """
async def main():
    global kept
    kept = states(engine)
    async for _ in kept:
        break
    await engine.shutdown()

asyncio.run(main())
"""
LEFT_BY_EXCEPTION = """
for _ in states(engine):
    raise ValueError("on purpose")
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [(LEFT_BY_FOR, 0), (LEFT_BY_ASYNC_FOR, 0), (LEFT_BY_EXCEPTION, 1)],
    ids=["for", "async for", "exception"],
)
def test_learners_left_in_the_middle_end_with_the_engine(run, tmp_path, text, code):
    outcome = run(2, HEAD, LEFT, text)
    assert outcome.code == code, outcome
    assert "does not end" not in outcome.errors
    record = record_of(tmp_path)
    assert {str(learner.stop_reason) for learner in record.learners.values()} == {"stopped"}
    assert [row.status for row in record.tasks if row.learner == "learner-1"] == ["cancelled"]


def test_learners_of_an_event_loop_that_stands_still_end_with_the_engine(run, tmp_path):
    """Their tasks are ended: nobody goes on to wait for them."""
    outcome = run(
        3,
        HEAD,
        """
        from rose_mpi.learner import ParallelActiveLearner

        learner = ParallelActiveLearner(Engine())
        for decorate in (learner.simulation_task, learner.training_task, learner.active_learn_task):
            decorate(lambda *_: "sleep 30")
        states = learner.start(parallel_learners=2, max_iter=2)

        async def begin():
            asyncio.ensure_future(anext(states))
            await asyncio.sleep(0.5)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(begin())
        began = time.monotonic()
        learner.engine.shutdown()
        print("seconds:", time.monotonic() - began)
        """,
    )
    assert outcome.code == 0, outcome
    assert float(outcome.output.split("seconds:")[1]) < 4
    assert {learner.stop_reason for learner in record_of(tmp_path).learners.values()} == {"stopped"}


def test_what_would_hang_or_mislead_in_an_event_loop_raises(run, tmp_path):
    text = """
    async def main():
        engine = await WorkflowEngine.create()
        learner = make_learner(engine)
        told = []
        for misuse in (lambda: learner.simulation().result(), lambda: bool(learner.check())):
            try:
                misuse()
            except (RuntimeError, TypeError) as error:
                told.append([type(error).__name__, str(error)])
        await engine.shutdown()
        print(json.dumps(told))

    asyncio.run(main())
    """
    outcome = run(0, HEAD, text)
    assert outcome.code == 0, outcome
    (hang, mislead) = json.loads(outcome.output)
    assert hang[0] == "RuntimeError"
    assert mislead[0] == "TypeError"
    assert "`await`" in hang[1]
    assert "`await`" in mislead[1]


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_forgotten_await_is_told(run, ranks):
    text = """
    async def main():
        learner = SequentialActiveLearner(Engine())
        learner.simulation_task(lambda *_: "sleep 5")
        learner.training_task(lambda *_: "true")
        learner.teach(max_iter=1)
        await asyncio.sleep(0.1)

    asyncio.run(main())
    """
    outcome = run(ranks, HEAD, text)
    assert outcome.code == 3, outcome
    assert outcome.errors.count("teach() failed") == 1, outcome
    assert "`await`" in outcome.errors


def test_engines_follow_one_another_alone(run, tmp_path):
    text = """
    async def inside():
        async with Engine(output="2.h5") as engine:
            make_learner(engine).simulation()
        engine = Engine(output="3.h5")
        make_learner(engine).simulation()
        await engine.shutdown()
        await engine.shutdown()

    with Engine(output="1.h5") as engine:
        make_learner(engine).simulation()
    asyncio.run(inside())
    engine = Engine(output="4.h5")
    make_learner(engine).simulation()
    engine.shutdown()
    engine.shutdown()
    """
    outcome = run(0, HEAD, text)
    assert outcome.code == 0, outcome
    for number in (1, 2, 3, 4):
        record = read_results(tmp_path / f"{number}.h5")
        assert (record.status, [row.status for row in record.tasks]) == ("done", ["done"])


@pytest.mark.parametrize(
    "text",
    [
        "with Engine() as engine:\n    make_learner(engine).simulation()\n",
        """
        async def main():
            async with Engine() as engine:
                make_learner(engine).simulation()

        asyncio.run(main())
        """,
        """
        async def main():
            engine = await WorkflowEngine.create()
            make_learner(engine).simulation()
            await engine.shutdown()
            await engine.shutdown()

        asyncio.run(main())
        """,
    ],
    ids=["with", "async with", "await shutdown"],
)
def test_each_way_to_shut_down_waits_for_the_tasks(run, tmp_path, text):
    outcome = run(3, HEAD, text)
    assert outcome.code == 0, outcome
    record = record_of(tmp_path)
    assert (record.status, [row.status for row in record.tasks]) == ("done", ["done"])


def test_a_second_engine_on_several_ranks_is_refused(run):
    outcome = run(3, HEAD, "Engine().shutdown()\nEngine()\n")
    assert outcome.code == 2, outcome
    assert "one engine at a time" in outcome.errors
    assert "Traceback" not in outcome.errors


def test_what_stands_below_the_engine_runs_once(run):
    text = """
    sys.stdout.write("above;")
    engine = Engine()
    sys.stdout.write("below;")
    engine.shutdown()
    """
    outcome = run(3, HEAD, text)
    assert outcome.code == 0, outcome
    assert outcome.output.count("above;") == 3
    assert outcome.output.count("below;") == 1


@pytest.mark.parametrize("ranks", [0, 3])
def test_the_walltime_ends_a_program_in_order(run, tmp_path, ranks):
    text = """
    learner = make_learner(Engine(walltime=1))
    [future.result() for future in [learner.simulation(60) for _ in range(3)]]
    """
    outcome = run(ranks, HEAD, text)
    assert outcome.code == 75, outcome
    assert "stopped early" in outcome.errors
    record = record_of(tmp_path)
    assert record.status == "stopped"
    assert {name: str(learner.stop_reason) for name, learner in record.learners.items()} == {
        "learner-0": "walltime"
    }


BLOCKING = """
Path("process").write_text(str(os.getpid()))
[future.result() for future in [learner.simulation(60) for _ in range(3)]]
"""
AWAITING = """
async def main():
    learner = make_learner(await WorkflowEngine.create())
    Path("process").write_text(str(os.getpid()))
    await asyncio.gather(*[learner.simulation(60) for _ in range(3)])

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("ranks", "number", "text"),
    [
        (0, signal.SIGINT, ENGINE + BLOCKING),
        (0, signal.SIGINT, AWAITING),
        (0, signal.SIGUSR1, AWAITING),
        (3, signal.SIGINT, AWAITING),
        (3, signal.SIGTERM, ENGINE + BLOCKING),
        (3, signal.SIGUSR1, ENGINE + BLOCKING),
    ],
    ids=["INT", "INT-async", "USR1-async", "INT-async-3", "TERM-3", "USR1-3"],
)
def test_a_signal_ends_a_program_in_order(tmp_path, ranks, number, text):
    script = tmp_path / "program.py"
    script.write_text(HEAD + text)
    program = subprocess.Popen(
        [*(launcher(ranks) if ranks else []), sys.executable, str(script)],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert eventually(lambda: tasks_of(tmp_path), 30)
        os.kill(int((tmp_path / "process").read_text()), number)
        _, errors = program.communicate(timeout=20)
    finally:
        program.kill()
        program.communicate()
    assert program.returncode == 75, errors
    assert errors.count("stopped early") == 1, errors
    assert "Traceback" not in errors
    assert not tasks_of(tmp_path)
    record = record_of(tmp_path)
    assert record.status == "stopped"
    assert record.learners["learner-0"].stop_reason == "stopped"
    assert {row.status for row in record.tasks} == {"cancelled"}


def test_a_notebooks_event_loop_goes_on_between_its_cells(run, tmp_path):
    text = """
    loop = asyncio.new_event_loop()

    async def first_cell():
        global engine, learner
        engine = await WorkflowEngine.create()
        learner = make_learner(engine)

    async def second_cell():
        learner.simulation(0.2).add_done_callback(lambda _: print("ended"))

    async def third_cell():
        await asyncio.sleep(1)
        print("third cell")

    async def last_cell():
        await engine.shutdown()

    for cell in (first_cell, second_cell, third_cell, last_cell):
        loop.run_until_complete(cell())
    """
    outcome = run(0, HEAD, text)
    assert outcome.code == 0, outcome
    assert outcome.output.split("\n")[:2] == ["ended", "third cell"]
    assert [row.status for row in record_of(tmp_path).tasks] == ["done"]
