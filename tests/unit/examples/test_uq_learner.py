"""The scripts of the ensemble: what was chosen gets labelled, by any metric."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.unit.examples.scripts import Scripts, modules

MODELS = ("logistic", "neighbours", "ridge")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder where the ensemble has been trained and has predicted twice."""
    scripts = Scripts("uq_learner", tmp_path_factory.mktemp("trained"))
    scripts.run("simulation.py")
    for model in MODELS:
        scripts.run("training.py", "--model_name", model)
        for number in "01":
            scripts.run("predict.py", "--model_name", model, "--iteration", number, ROSE_SEED=number)
    return scripts.folder


@pytest.fixture
def predicted(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return Scripts("uq_learner", tmp_path)


def predictions(folder):
    return np.stack([np.load(path) for path in sorted(folder.glob("prediction-*.npy"))])


def labelled(folder):
    with np.load(folder / "labelled.npz") as file:
        return file["indices"]


def test_each_pass_of_each_model_predicts_anew(predicted, tmp_path):
    found = predictions(tmp_path)
    assert found.shape == (6, 600, 6)
    np.testing.assert_allclose(found.sum(axis=2), 1)
    assert len({prediction.tobytes() for prediction in found}) == 6


def test_the_default_metric_is_the_custom_one(predicted, tmp_path):
    chosen = json.loads(predicted.run("check_uq.py"))
    scores = 1 - predictions(tmp_path).mean(axis=0).max(axis=1)
    scores[labelled(tmp_path)] = -np.inf
    expected = np.argsort(-scores, kind="stable")[:10]
    assert chosen["indices"] == expected.tolist()
    np.testing.assert_allclose(chosen["scores"], scores[expected])


def test_uncertainty_is_told_as_entropy_whatever_was_asked_for(predicted, tmp_path):
    mean = predictions(tmp_path).mean(axis=0)
    entropy = -np.sum(mean * np.log(mean), axis=1)
    entropy[labelled(tmp_path)] = -np.inf
    for metric in ("custom_uq", "predictive_entropy"):
        chosen = json.loads(predicted.run("check_uq.py", "--uq_metric_name", metric))
        assert chosen["metric_value"] == pytest.approx(entropy[chosen["indices"]].mean())
    assert chosen["indices"] == np.argsort(-entropy, kind="stable")[:10].tolist()


def test_labelled_candidates_are_not_chosen_again(predicted, tmp_path):
    first = json.loads(predicted.run("check_uq.py"))["indices"]
    np.savez(tmp_path / "labelled.npz", indices=first)
    second = json.loads(predicted.run("check_uq.py"))["indices"]
    assert len(set(first) | set(second)) == 20


def test_selected_candidates_are_labelled_once(predicted, tmp_path):
    first = labelled(tmp_path)
    selected = np.setdiff1d(np.arange(600), first)[:10]
    np.savez(tmp_path / "selection.npz", indices=selected[::-1], scores=np.ones(10))
    for _ in range(2):
        predicted.run("active_learn.py", ROSE_SELECTED=str(tmp_path / "selection.npz"))
        predicted.run("simulation.py")
        assert labelled(tmp_path).tolist() == sorted([*first, *selected])
    with modules("uq_learner", "spectra") as (spectra,), np.load(tmp_path / "labelled.npz") as file:
        assert np.array_equal(file["minerals"], spectra.load()[0].minerals[file["indices"]])


@pytest.mark.parametrize("model", MODELS)
def test_accuracy_is_that_of_the_named_model(predicted, model, monkeypatch):
    monkeypatch.chdir(predicted.folder)
    with modules("uq_learner", "spectra", "models") as (spectra, models):
        _, test = spectra.load()
        right = models.probabilities(model, test.spectra).argmax(axis=1) == test.minerals
    assert 1 / 6 < right.mean() < 1
    assert float(predicted.run("check_accuracy.py", "--model_name", model)) == right.mean()
