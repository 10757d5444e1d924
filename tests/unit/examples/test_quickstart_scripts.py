"""The quickstart's scripts keep the contract of tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart"


@pytest.fixture
def run(tmp_path):
    """Runs a script as a task of the model "logistic"; returns its standard output."""

    def run_script(name: str, **variables: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ROSE_")}
        environment |= {"ROSE_MODEL": "logistic", "ROSE_SEED": "1", "ROSE_RESULT": str(tmp_path / "result")}
        command = [sys.executable, str(QUICKSTART / name)]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout

    return run_script


def test_labels_add_up_and_a_repeated_call_changes_nothing(run, tmp_path):
    assert json.loads(run("label.py")) == {"labels": 40}
    np.savez(tmp_path / "query.npz", indices=np.array([7, 3, 1256]), scores=np.ones(3))
    selected = str(tmp_path / "query.npz")
    assert json.loads(run("label.py", ROSE_SELECTED=selected)) == {"labels": 43}
    first = (tmp_path / "labelled.npz").read_bytes()
    assert json.loads(run("label.py", ROSE_SELECTED=selected)) == {"labels": 43}
    assert (tmp_path / "labelled.npz").read_bytes() == first
    with np.load(tmp_path / "labelled.npz") as labelled, np.load(tmp_path / "digits.npz") as digits:
        assert np.array_equal(labelled["images"][40:], digits["pool_images"][[3, 7, 1256]])
        assert np.array_equal(labelled["labels"][40:], digits["pool_labels"][[3, 7, 1256]])


def test_predictions_and_accuracy_come_without_scikit_learn(run, tmp_path):
    run("label.py")
    run("train.py")
    (tmp_path / "sklearn.py").write_text("raise ImportError('scikit-learn is not for this script')")
    run("predict.py", PYTHONPATH=str(tmp_path))
    probabilities = np.load(tmp_path / "result.npy")
    assert (probabilities.shape, probabilities.dtype) == ((1257, 10), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    accuracy = json.loads(run("check.py", PYTHONPATH=str(tmp_path)))["model_accuracy"]
    with np.load(tmp_path / "digits.npz") as digits:
        pool_accuracy = (probabilities.argmax(axis=1) == digits["pool_labels"]).mean()
    assert 0.7 < accuracy < 0.9
    assert accuracy == pytest.approx(pool_accuracy, abs=0.08)
