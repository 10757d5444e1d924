"""The programs of the four documents, each started from its own folder."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from rose_mpi.rl import ExperienceBank
from rose_mpi.store.reader import read_results
from tests.system.launching import run_python

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 200

pytestmark = pytest.mark.timeout(SECONDS + 50)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs an example once on a number of ranks; returns what it wrote, its folder and its results."""

    @cache
    def run_example(name, ranks):
        folder = tmp_path_factory.mktemp(f"{name}-{ranks}") / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__", "results*"))
        outcome = run_python(ranks, "run.py", cwd=folder, timeout=SECONDS)
        assert outcome.code == 0, outcome
        assert "Traceback" not in outcome.output + outcome.errors, outcome
        record = read_results(folder / "results.h5")
        assert record.status == "done"
        return outcome.output, folder, record

    return run_example


def metrics(record):
    """The stop metric of each iteration, by learner."""
    return {name: [state.metric for state in learner.iterations] for name, learner in record.learners.items()}


def stop_reasons(record):
    return {name: str(learner.stop_reason) for name, learner in record.learners.items()}


def tasks(record, **wanted):
    """How many attempts succeeded that are as wanted."""
    rows = [row for row in record.tasks if all(getattr(row, key) == value for key, value in wanted.items())]
    assert all(row.status == "done" for row in rows)
    return len(rows)


@pytest.mark.parametrize("ranks", [2, 8])
def test_a_custom_policy_runs_five_workflows_of_three_simulations(run, ranks):
    output, _, record = run("custom_policy", ranks)
    assert output.count("Starting Iteration-0") == 5
    met = [name for name, reason in stop_reasons(record).items() if reason == "criterion_met"]
    assert output.count("Accuracy met the threshold") == len(met) >= 3
    assert sorted(record.learners) == [f"teach-{number}" for number in range(5)]
    for name, values in metrics(record).items():
        assert values[0] < 0.97
        assert all(value < 0.99 for value in values[:-1])
        assert values[-1] >= 0.99 or (name not in met and len(values) == 10)
        for iteration in range(len(values)):
            assert tasks(record, learner=name, iteration=iteration, stage="simulation") == 3
        assert tasks(record, learner=name, stage="post_process_simulation") == len(values)


@pytest.mark.parametrize("ranks", [2, 4])
def test_two_ensembles_stop_when_they_are_certain(run, ranks):
    output, folder, record = run("uq_learner", ranks)
    assert "Teaching is done with Final Results:" in output
    results = json.loads((folder / "UQ_training_results.json").read_text())
    assert set(results) == set(record.learners) == {"UQ_learner1", "UQ_learner2"}
    for name, learner in record.learners.items():
        last = learner.iterations[-1]
        certain, right = last.uncertainty < 1, min(last.model_metric.values()) >= 0.96
        assert certain or right or len(learner.iterations) == 8
        assert results[name]["metric_value"] == pytest.approx(last.metric)
        chosen = [index for state in learner.iterations for index in state.selected]
        assert len(set(chosen)) == len(chosen) == 10 * len(learner.iterations)
        assert tasks(record, learner=name, stage="prediction") == 6 * len(learner.iterations)
    with h5py.File(folder / "results.h5") as file:
        first = file["learners/UQ_learner1"]
        assert first["selected"].shape == (len(first["iteration"]), 10)
        assert first["model_metric"].shape == (len(first["iteration"]), 3)
        assert first["uncertainty"][0] > 1


@pytest.mark.parametrize("ranks", [1, 2])
def test_parallel_learners_obey_their_configurations(run, ranks):
    _, folder, record = run("parallel_learners", ranks)
    most = [10, 10, 15, 15, 15, 20, 20, 3, 3, 15, 15, 15]
    assert len(record.learners) == len(most)
    reasons = stop_reasons(record)
    for (name, values), limit in zip(metrics(record).items(), most, strict=True):
        assert all(value >= 0.1 for value in values[:-1])
        if reasons[name] == "criterion_met":
            assert values[-1] < 0.1
        else:
            assert (reasons[name], len(values)) == ("max_iter_reached", limit)
    assert list(reasons.values()).count("criterion_met") >= 8
    shapes = []
    for name in record.learners:
        with np.load(folder / "results.work" / name / "samples.npz") as samples:
            shapes.append(samples["points"].shape)
    iterations = [len(values) for values in metrics(record).values()]
    by_iteration = {0: 100, 5: 200, 10: 400}.get(iterations[3] - 1, 500)
    combined = {0: 150, 7: 250}.get(iterations[10] - 1, 400)
    assert shapes == [
        *((200, 2), (300, 4)),
        *((200, 2), (by_iteration, 2), (100, 2)),
        *((50 + 50 * iterations[5], 2), (300, 4)),
        *((100, 2), (100, 2)),
        *((50 + 50 * iterations[9], 2), (combined, 3), (300, 4)),
    ]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_five_environments_teach_one_policy(run, ranks):
    _, folder, record = run("reinforcement", ranks)
    ((name, values),) = metrics(record).items()
    assert stop_reasons(record) == {name: "criterion_met"}
    assert max(values[:-1]) <= 200 < values[-1]
    assert len(values) <= 6
    for iteration in range(len(values)):
        assert tasks(record, iteration=iteration, stage="environment") == 5
    bank = ExperienceBank.load(folder / "results.work" / name / "experience_bank.npz")
    assert len(bank) == 1000 * len(values)


@pytest.mark.parametrize(
    ("name", "ranks"),
    [
        ("custom_policy", (2, 8)),
        ("uq_learner", (2, 4)),
        ("parallel_learners", (1, 2)),
        ("reinforcement", (1, 4)),
    ],
)
def test_results_are_the_same_on_any_number_of_ranks(run, name, ranks):
    first, second = (metrics(run(name, number)[2]) for number in ranks)
    assert first == second
