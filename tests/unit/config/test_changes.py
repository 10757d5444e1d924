"""What may be changed before a run goes on."""

import pytest

from rose_mpi.config.changes import changes
from rose_mpi.config.load import load_config
from tests.unit.config.conftest import ACTIVE, UQ, Project


@pytest.fixture
def text(tmp_path):
    """The text of a run, as the results file keeps it."""
    project = Project(tmp_path)

    def make(toml, *overrides, **options):
        project.write(toml)
        return load_config(project.folder / "config.toml", overrides, **options).plan.text

    return make


def found(before, now):
    return [(change.key, change.harmless) for change in changes(before, now)]


@pytest.mark.parametrize("toml", [ACTIVE, UQ])
def test_the_same_has_no_changes(text, toml):
    assert found(text(toml), text(toml)) == []


@pytest.mark.filterwarnings("error")
def test_parameters_that_are_true_or_false_are_compared_in_silence(text):
    minimised, maximised = (
        UQ.replace(
            'metric = "predictive_entropy"', f'metric = "thompson"\nparameters = {{ maximise = {word} }}'
        ).replace('task_type = "classification"\n', "")
        for word in ("false", "true")
    )
    assert found(text(minimised), text(maximised)) == [("uncertainty.parameters.maximise", False)]


def test_what_is_written_otherwise_is_no_change(text):
    assert found(text(ACTIVE), text(f"# a comment\n{ACTIVE}", "run.seed=0", "engine.tasks_per_rank=1")) == []


@pytest.mark.parametrize(
    "key",
    [
        'run.output="other.h5"',
        "run.walltime=60",
        "engine.ranks_per_learner=2",
        'engine.coordinator="dedicated"',
        "run.max_iterations=99",
    ],
)
def test_some_changes_are_harmless(text, key):
    assert found(text(ACTIVE), text(ACTIVE, key)) == [(key.partition("=")[0], True)]


@pytest.mark.parametrize("key", ["run.seed=5", 'run.name="other"', "tasks.simulation.count=7"])
def test_all_others_are_not(text, key):
    assert found(text(ACTIVE), text(ACTIVE, key)) == [(key.partition("=")[0], False)]


def test_the_options_of_the_command_line_count(text):
    before = text(ACTIVE, "run.seed=5", output="a.h5", max_iterations=3)
    assert found(before, text(ACTIVE, "run.seed=5", output="a.h5", max_iterations=3)) == []
    assert found(before, text(ACTIVE, "run.seed=6", output="b.h5", max_iterations=4)) == [
        ("run.seed", False),
        ("run.output", True),
        ("--max-iter", True),
    ]


def test_a_change_says_what_was_and_what_is(text):
    (change,) = changes(text(ACTIVE), text(ACTIVE, "run.walltime=60"))
    assert str(change) == "run.walltime was not set, now 60.0"
    assert not change.is_of_iterations
    (change,) = changes(text(ACTIVE, max_iterations=3), text(ACTIVE, max_iterations=4))
    assert str(change) == "--max-iter was 3, now 4"
    assert change.is_of_iterations
