"""What Python programs get from their tasks and learners, alone and on several ranks."""

from __future__ import annotations

import json

import pytest

from rose_mpi.store.reader import read_results
from tests.system.launching import run_python

pytestmark = pytest.mark.timeout(100)

PROGRAM = '''
import asyncio, json, os, threading, time
from pathlib import Path

import numpy as np

from rose_mpi.engine import Engine
from rose_mpi.learner import Learner, ParallelActiveLearner, SequentialActiveLearner
from rose_mpi.uq.uq_active_learner import ParallelUQLearner

engine = Engine()
learner = Learner(engine)
function = learner.utility_task(as_executable=False)
found = {}


class Model:
    """As libraries have them: what it learned cannot be said in JSON."""

    def fit(self, points):
        self.mean_ = points.mean(axis=0)
        return self

    def predict(self, points):
        return points - self.mean_


def failure(call):
    try:
        call()
    except Exception as error:
        cause = error.__cause__
        return [type(error).__name__, str(error), "" if cause is None else str(cause)]
    return None


@function
def points():
    return np.arange(6.0).reshape(3, 2)

@function
def pair():
    return 1, "two"

@function
def fitted(data):
    return Model().fit(data)

@function
def used(model, data):
    return float(model.predict(data).sum()), type(model).__name__

@function
def broken():
    return [][1]

@function
def unpicklable():
    return threading.Lock()

@function
def total(values, more=0):
    return sum(values[0]) + values[1] + more

@function
def number(value):
    return value

found["array"] = points().result().tolist()
found["tuple"] = list(map(str, pair().result())) + [type(pair().result()).__name__]
found["object"] = used(fitted(points()), points()).result()
found["raising"] = failure(broken().result)
found["unpicklable"] = failure(unpicklable().result)
found["unpicklable argument"] = failure(number(threading.Lock()).result)
found["nested"] = total([(number(1), number(2)), number(3)], more=number(4)).result()
failed = broken()
found["dependent"] = failure(total([(1, 2), failed]).result)


@learner.simulation_task
def simulation(*args, task_description={"shell": True}):
    return "echo one && echo two | tr a-z A-Z"

@learner.training_task(retries=2)
def training():
    return "sh -c 'test $ROSE_ATTEMPT = 2 && echo $ROSE_ATTEMPT'"

@learner.prediction_task(timeout=0.3)
def prediction():
    return "sleep 60"

@learner.active_learn_task(environment={"COLOUR": "red"}, cwd=str(Path("elsewhere").absolute()))
def active_learn():
    return """sh -c 'echo "$COLOUR in $PWD"'"""

Path("elsewhere").mkdir()
found["shell"] = simulation().result()
found["retries"] = training().result()
found["timeout"] = failure(prediction().result)
found["environment and cwd"] = active_learn().result()

sleeping = learner.utility_task(lambda: "sh -c 'echo $$ > process; exec sleep 60'")()
process = Path("results.work/learner-0/process")
while not process.exists() or not process.read_text().strip():
    time.sleep(0.01)
sleeping.cancel()
found["cancelled"] = [sleeping.cancelled(), failure(total([(1, 2), sleeping]).result)]
folder = Path("/proc", process.read_text().strip())
deadline = time.monotonic() + 10
while folder.exists() and time.monotonic() < deadline:
    time.sleep(0.01)
found["cancelled"].append(folder.exists())


def with_tasks(learner):
    learner.simulation_task(lambda *_: "sh -c 'echo 1'")
    learner.training_task(lambda *_: "sh -c 'echo 1'")
    learner.active_learn_task(lambda *_: "sh -c 'echo 1'")
    learner.as_stop_criterion("model_accuracy", 0.9)(lambda *_: "sh -c 'echo 0.5'")
    return learner

last = with_tasks(SequentialActiveLearner(engine)).teach(max_iter=2)
found["sequential"] = [last.iteration, last.metric_value]
found["parallel"] = [
    [state.learner_id, state.iteration]
    for state in with_tasks(ParallelActiveLearner(engine)).teach(parallel_learners=2, max_iter=1)
]
ensemble = with_tasks(ParallelUQLearner(engine))
ensemble.prediction_task(lambda *_: "sh -c 'echo 1'")
measured = {"metric_value": 0.3, "indices": [5, 2], "scores": [0.4, 0.2]}
Path("measured.json").write_text(json.dumps(measured))
ensemble.uncertainty_quantification(uq_metric_name="mine", query_size=2)(lambda *_: "cat measured.json")
found["ensemble"] = ensemble.teach(learner_names=["first", "second"], model_names=["a", "b"], max_iter=1)
found["for"] = [state.iteration for state in with_tasks(SequentialActiveLearner(engine)).start(max_iter=2)]


async def main():
    learner = with_tasks(SequentialActiveLearner(engine))
    found["async for"] = [state.iteration async for state in learner.start(max_iter=2)]
    found["awaited"] = (await with_tasks(SequentialActiveLearner(engine)).teach(max_iter=1)).iteration

asyncio.run(main())
engine.shutdown()
Path("found.json").write_text(json.dumps(found))
'''


@pytest.fixture(scope="module", params=[0, 3])
def found(tmp_path_factory, request):
    """What the program found."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.py").write_text(PROGRAM)
    outcome = run_python(request.param, "program.py", cwd=folder, timeout=60)
    assert outcome.code == 0, outcome
    return json.loads((folder / "found.json").read_text())


def test_functions_return_arrays_tuples_and_objects(found):
    assert found["array"] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert found["tuple"] == ["1", "two", "tuple"]
    assert found["object"] == [0.0, "Model"]


def test_what_a_function_raises_is_told_with_its_traceback(found):
    kind, message, _ = found["raising"]
    assert kind == "TaskError"
    assert "IndexError: list index out of range" in message
    assert "in broken" in message


def test_what_cannot_be_sent_is_named(found):
    assert "lock" in found["unpicklable"][1]
    assert "argument 0 of number" in found["unpicklable argument"][1]


def test_futures_inside_lists_and_tuples_are_awaited_first(found):
    assert found["nested"] == 10


def test_a_failed_dependency_fails_its_dependents_with_its_cause(found):
    kind, message, cause = found["dependent"]
    assert kind == "TaskError"
    assert "which was needed first, failed" in message
    assert "IndexError: list index out of range" in cause


def test_cancelling_a_future_ends_its_process_and_fails_its_dependents(found):
    cancelled, dependent, process_lives = found["cancelled"]
    assert (cancelled, process_lives) == (True, False)
    assert "was cancelled" in dependent[1]


def test_signatures_and_decorators_describe_the_task(found):
    assert found["shell"] == "TWO"
    assert found["retries"] == 2
    assert "timeout" in found["timeout"][1]
    assert found["environment and cwd"].startswith("red in /")
    assert found["environment and cwd"].endswith("/elsewhere")


def test_teach_returns_the_last_states(found):
    assert found["sequential"] == [1, 0.5]
    assert found["parallel"] == [[0, 0], [1, 0]]
    assert found["awaited"] == 0
    assert found["ensemble"].keys() == {"first", "second"}
    first = found["ensemble"]["first"]
    assert (first["learner_id"], first["selected"], first["uncertainty"]) == ("first", [5, 2], 0.3)
    assert first["model_metric"] == {"a": 0.5, "b": 0.5}


def test_states_come_by_for_and_by_async_for(found):
    assert found["for"] == found["async for"] == [0, 1]


def test_workflows_side_by_side_have_ranks_of_their_own(tmp_path):
    program = """
import threading
from rose_mpi.engine import Engine
from rose_mpi.learner import Learner

engine = Engine()
learner = Learner(engine)
simulation = learner.simulation_task(lambda: "sleep 0.2")
together = threading.Barrier(5)

@learner.as_async
def teach():
    together.wait(30)
    simulation().result()
    together.wait(30)

[workflow.result() for workflow in [teach() for _ in range(5)]]
engine.shutdown()
"""
    (tmp_path / "program.py").write_text(program)
    outcome = run_python(6, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    learners = read_results(tmp_path / "results.h5").learners
    groups = [learners[f"teach-{number}"].started.group for number in range(5)]
    assert sorted(rank for group in groups for rank in group) == [1, 2, 3, 4, 5]


def test_two_hundred_async_workflows_are_gathered(tmp_path):
    program = """
import asyncio
from rose_mpi.engine import WorkflowEngine
from rose_mpi.learner import Learner

async def main():
    engine = await WorkflowEngine.create()
    learner = Learner(engine)
    simulation = learner.simulation_task(lambda number: f"echo {number}")
    double = learner.utility_task(lambda value: 2 * value, as_executable=False)

    @learner.as_async
    async def teach(number):
        return await double(simulation(number))

    print(sum(await asyncio.gather(*[teach(number) for number in range(200)])))
    await engine.shutdown()

asyncio.run(main())
"""
    (tmp_path / "program.py").write_text(program)
    outcome = run_python(3, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    assert outcome.output.split() == [str(200 * 199)]
    record = read_results(tmp_path / "results.h5")
    assert len(record.learners) == 200
    assert [row.status for row in record.tasks] == ["done"] * 400
