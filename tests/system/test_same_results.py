"""One problem as a configuration and as a Python program: the results are the same."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tests.system.launching import run_python, run_rose_mpi

TASK = """
import argparse, json, os, random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("stage")
parser.add_argument("--n", type=int, default=1)
parser.add_argument("--rate", type=float, default=1.0)
options, _ = parser.parse_known_args()
chance = random.Random(int(os.environ["ROSE_SEED"]))
index, iteration = os.environ["ROSE_INDEX"], int(os.environ["ROSE_ITERATION"])
weight = Path("weight" + os.environ["ROSE_MODEL"])

if options.stage == "simulation":
    samples = [chance.random() for _ in range(options.n)]
    Path(f"samples-{iteration}-{index}.json").write_text(json.dumps(samples))
    print(json.dumps({"samples": len(samples), "guided": int("ROSE_SELECTED" in os.environ)}))
elif options.stage == "training":
    samples = [x for path in sorted(Path().glob("samples-*")) for x in json.loads(path.read_text())]
    weight.write_text(json.dumps(sum(samples) / len(samples) + options.rate * chance.random()))
    print(json.dumps({"loss": options.rate / len(samples)}))
elif options.stage == "prediction":
    import numpy as np

    phase = json.loads(weight.read_text()) + 0.1 * chance.random()
    np.save(os.environ["ROSE_RESULT"] + ".npy", np.sin(phase * np.arange(500)))
elif options.stage == "active_learn":
    print(json.dumps({"chosen": chance.randrange(100)}))
else:
    print(json.dumps({"metric_value": 0.5 ** (iteration + 1) + 0.1 * json.loads(weight.read_text())}))
"""

CONFIG = """
[run]
seed = 11
max_iterations = 4

[tasks.simulation]
command = "{python} task.py simulation"
count = 2

[tasks.training]
command = "{python} task.py training"

[tasks.active_learn]
command = "{python} task.py active_learn"

[tasks.criterion]
command = "{python} task.py criterion"

[criterion]
metric = "mean_squared_error_mse"
threshold = 0.15

[[learners]]
name = "learner-0"
simulation.schedule = { 0 = { "--n" = 2 }, 2 = { "--n" = 5 }, -1 = { "--n" = 3 } }
training.adaptive = { "--rate" = "0.5 * 0.9**i" }

[[learners]]
name = "learner-1"
simulation.kwargs = { "--n" = 4 }
training.schedule = { 1 = { "--rate" = 0.25 } }
criterion.threshold = 0.15

[[learners]]
name = "uncertain"
training.kwargs = { "--rate" = 0.5 }
ensemble = { models = ["a", "b"], predictions = 2 }
uncertainty = { metric = "predictive_variance", query_size = 6 }
criterion.threshold = 0.3

[tasks.prediction]
command = "{python} task.py prediction"
"""

PROGRAM = """
from rose_mpi.engine import Engine
from rose_mpi.learner import LearnerConfig, ParallelActiveLearner, TaskConfig
from rose_mpi.metrics import MEAN_SQUARED_ERROR_MSE
from rose_mpi.uq.uq_active_learner import ParallelUQLearner

engine = Engine(seed=11)


def with_tasks(learner, threshold):
    learner.simulation_task(lambda *_: "{python} task.py simulation", count=2)
    learner.training_task(lambda *_: "{python} task.py training")
    learner.active_learn_task(lambda *_: "{python} task.py active_learn")
    criterion = learner.as_stop_criterion(MEAN_SQUARED_ERROR_MSE, threshold)
    criterion(lambda *_: "{python} task.py criterion")
    return learner


active = with_tasks(ParallelActiveLearner(engine), 0.15)
rate = active.create_adaptive_schedule("training", lambda i: {"kwargs": {"--rate": 0.5 * 0.9**i}})
active.teach(
    parallel_learners=2,
    max_iter=4,
    learner_configs=[
        LearnerConfig(
            simulation={
                0: TaskConfig(kwargs={"--n": 2}),
                2: TaskConfig(kwargs={"--n": 5}),
                -1: TaskConfig(kwargs={"--n": 3}),
            },
            training=rate,
        ),
        LearnerConfig(
            simulation=TaskConfig(kwargs={"--n": 4}),
            training=active.create_iteration_schedule("training", {1: {"kwargs": {"--rate": 0.25}}}),
        ),
    ],
)

uncertain = with_tasks(ParallelUQLearner(engine), 0.3)
uncertain.prediction_task(lambda *_: "{python} task.py prediction")
uncertain.uncertainty_quantification(uq_metric_name="predictive_variance", query_size=6)
uncertain.teach(
    learner_names=["uncertain"],
    model_names=["a", "b"],
    num_predictions=2,
    max_iter=4,
    learner_configs={"uncertain": LearnerConfig(training=TaskConfig(kwargs={"--rate": 0.5}))},
)
engine.shutdown()
"""

ELSEWHERE = {"rank", "host", "queued", "started", "finished", "cpu_seconds", "max_rss"}
KEY = ("learner", "iteration", "stage", "index", "model", "attempt")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Where the configuration ran, and where the program did."""
    found = [tmp_path_factory.mktemp(name) for name in ("config", "program")]
    for folder in found:
        (folder / "task.py").write_text(TASK)
        (folder / "config.toml").write_text(CONFIG)
        (folder / "program.py").write_text(PROGRAM)
    by_config = run_rose_mpi(3, found[0] / "config.toml", cwd=found[0], timeout=60)
    assert by_config.code == 0, by_config
    by_program = run_python(2, found[1] / "program.py", cwd=found[1], timeout=60)
    assert by_program.code == 0, by_program
    return found


def learners(folder):
    """All that the file says of the learners, but for times and ranks."""
    found = {}

    def take(name, item):
        found.update({(name, key): value for key, value in item.attrs.items() if key in STATED})
        if isinstance(item, h5py.Dataset) and name.split("/")[-1] not in ELSEWHERE:
            found[name] = item[()]

    with h5py.File(folder / "results.h5") as file:
        file["learners"].visititems(take)
    return found


STATED = ("kind", "status", "stop_reason", "error", "metric_name", "threshold", "operator", "max_iterations")


def tasks(folder):
    """The rows of the tasks, sorted by what they are, but for times, ranks and the folder."""
    with h5py.File(folder / "results.h5") as file:
        table = file["tasks"]
        names = sorted(set(table) - ELSEWHERE - {"task"})
        columns = {name: list(_column(table[name])) for name in names}
    rows = [
        {name: _without(folder, value) for name, value in zip(names, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]
    return sorted(rows, key=lambda row: [row[name] for name in KEY])


def _column(dataset):
    return dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()].tolist()


def _without(folder, value):
    return value.replace(str(folder), "") if isinstance(value, str) else value


def test_the_learners_are_the_same(folders):
    by_config, by_program = map(learners, folders)
    assert by_config.keys() == by_program.keys()
    assert {name.split("/")[0] for name in by_config if isinstance(name, str)} == {
        "learner-0",
        "learner-1",
        "uncertain",
    }
    for name, value in by_config.items():
        assert np.array_equal(value, by_program[name], equal_nan=_is_number(value)), name


def test_the_tasks_are_the_same(folders):
    by_config, by_program = map(tasks, folders)
    assert by_config == by_program


def test_the_problem_tells_differences_apart(folders):
    """Options, seeds and selections reach the tasks, and learners and models end at different times."""
    found = learners(folders[0])
    assert found["learner-0", "stop_reason"] == "criterion_met"
    assert found["learner-1", "stop_reason"] == "max_iter_reached"
    assert found["learner-0/state/samples"].tolist() == [2, 3, 5, 3]
    assert found["uncertain/state/guided"].tolist() == [0, 1, 1]
    assert (found["uncertain/model_metric"] < 0.3).tolist() == [[False, False], [False, True], [True, True]]
    assert len(set(found["uncertain/selected"].ravel())) == 3 * 6


def _is_number(value):
    return np.asarray(value).dtype.kind in "fi"
