"""How a configuration says by what parameters and in which batches candidates are chosen."""

from __future__ import annotations

import pytest

from tests.unit.config.conftest import UQ

ACQUIRING = UQ.replace(
    'metric = "predictive_entropy"\ntask_type = "classification"\n',
    'metric = "expected_improvement"\nparameters = { best = "energy", xi = 0.1, maximise = true }\n',
)
DIVERSE = UQ.replace("query_size = 20\n", 'query_size = 20\nbatch = "diverse"\nfeatures = "x.npy"\n')


@pytest.fixture(autouse=True)
def features(project):
    (project.folder / "x.npy").write_bytes(b"")


def test_parameters_of_the_metric(project):
    first, second = (learner.uncertainty for learner in project.load(ACQUIRING).learners)
    assert first.parameters == {"best": "energy", "xi": 0.1, "maximise": True}
    assert (second.metric, second.parameters) == ("random", {})


def test_a_learner_inherits_the_parameters_that_its_own_metric_knows(project):
    text = ACQUIRING.replace('uncertainty.metric = "random"', 'uncertainty.metric = "upper_confidence_bound"')
    text += "uncertainty.parameters.kappa = 3\n"
    assert project.load(text).learners[1].uncertainty.parameters == {"maximise": True, "kappa": 3}


def test_batch_and_features(project):
    plan = project.load(DIVERSE + 'uncertainty.batch = "power"\nuncertainty.parameters.beta = 2.5\n')
    first, second = (learner.uncertainty for learner in plan.learners)
    assert (first.batch, first.features) == ("diverse", str(project.folder / "x.npy"))
    assert (second.batch, second.features, second.parameters) == ("power", None, {"beta": 2.5})
    assert plan.plan.metrics == ("diverse", "power", "predictive_entropy", "random")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (ACQUIRING.replace("xi", "x"), "uncertainty.parameters", "has no parameter 'x'"),
        (ACQUIRING.replace("xi = 0.1", 'xi = "a"'), "uncertainty.parameters", "xi must be a number"),
        (ACQUIRING.replace("true", "2"), "uncertainty.parameters", "must be true or false"),
        (
            ACQUIRING + "uncertainty.parameters.xi = 3\n",
            "learners[1].uncertainty.parameters",
            "no parameter",
        ),
        (DIVERSE.replace('"diverse"', '"divers"'), "uncertainty.batch", "'diverse'"),
        (DIVERSE.replace("x.npy", "y.npy"), "uncertainty.features", "y.npy"),
        (DIVERSE.replace("x.npy", "label.py"), "uncertainty.features", "must be a .npy file"),
        (DIVERSE.replace('features = "x.npy"\n', ""), "uncertainty.features", "is missing"),
        (UQ + 'uncertainty.features = "x.npy"\n', "learners[1].uncertainty.features", "has no effect"),
        (UQ + 'uncertainty.batch = "batch_bald"\n', "learners[1].uncertainty.batch", "goes with metric"),
        (
            UQ.replace('"predictive_entropy"', '"margin"\nbatch = "power"'),
            "uncertainty.batch",
            "the best margin is small",
        ),
    ],
)
def test_mistakes_are_told_with_their_places(project, text, place, message):
    faults = project.faults(text)
    assert any(message in told for _, _, told in faults), faults
    assert place in {where for _, where, _ in faults}, faults


def test_true_values_are_for_every_metric(project):
    (project.folder / "y.npy").write_bytes(b"")
    config = project.load(UQ.replace("query_size = 20\n", 'query_size = 20\ntargets = "y.npy"\n'))
    path = str(project.folder / "y.npy")
    assert [learner.uncertainty.targets for learner in config.learners] == [path, path]
    assert "calibration" in config.plan.metrics
