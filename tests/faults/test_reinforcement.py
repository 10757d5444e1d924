"""Faults of reinforcement learners and of what they keep."""

from __future__ import annotations

import pytest

from rose_mpi.rl import ExperienceBank, create_experience

pytestmark = pytest.mark.timeout(100)


@pytest.fixture(scope="module")
def run(finished):
    return finished("reinforcement")


def test_banks_that_failed_to_load_are_deleted(run):
    """All banks were deleted after a merge, also those that it could not read."""
    banks = sorted((run.folder / "results.work" / "learner-0.2").glob("experience_bank_*.npz"))
    assert len(banks) == 2
    assert banks[-1].name == "experience_bank_other.npz"
    assert len(ExperienceBank.load(banks[0])) == 5
    assert str(banks[-1]) in run.outcome["damaged"]


def test_a_failing_environment_is_swallowed(run):
    """The policy was updated without its experience, and nobody was told."""
    assert "the robot fell over" in run.outcome["failing"]
    assert run.record.learners["learner-0.3"].stop_reason == "error"
    assert run.tasks(learner="learner-0.3", stage="update") == []


def test_the_merged_bank_is_overwritten_each_iteration(run):
    """It held the experience of the last iteration alone."""
    assert run.outcome["merged"] == [5, 10, 15]


def test_reinforcement_without_a_criterion_crashes(run):
    """The loop asked for a metric that nobody measured."""
    assert run.outcome["without criterion"] == 1
    assert run.record.learners["learner-0.4"].stop_reason == "max_iter_reached"


def test_a_missing_bank_loads_as_an_empty_one(tmp_path):
    """A misspelt path gave a policy without experience; a pickle's name stands for our file of that stem."""
    bank = ExperienceBank()
    bank.add(create_experience(0, 1, 1.0, 2, True))
    bank.save(tmp_path, "experience_bank.npz")
    assert len(ExperienceBank.load(tmp_path / "experience_bank.pkl")) == 1
    with pytest.raises(FileNotFoundError, match="experience_bnak"):
        ExperienceBank.load(tmp_path / "experience_bnak.pkl")
