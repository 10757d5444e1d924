"""A bank in memory: its surface, its bounds and its draws."""

import subprocess
import sys
import types
from collections import Counter

import numpy as np
import pytest

import rose_mpi.rl
from rose_mpi.errors import UsageError
from rose_mpi.rl import ExperienceBank, create_experience
from tests.unit.rl.support import bank_of, rewards, step


def test_an_experience():
    experience = create_experience([0], 1, 2.0, [3], True)
    assert (experience.state, experience.action, experience.reward) == ([0], 1, 2.0)
    assert (experience.next_state, experience.done, experience.info) == ([3], True, {})
    assert create_experience([0], 1, 2.0, [3], True, {"step": 4}).info == {"step": 4}
    with pytest.raises(AttributeError):
        experience.reward = 5.0


def test_no_two_experiences_share_an_info():
    first, second = (create_experience(0, 0, 0.0, 0, False) for _ in range(2))
    first.info["mine"] = 1
    assert second.info == {}


def test_a_bank_is_a_sequence():
    bank = bank_of(0, 1, 2, 3)
    bank.add(step(4))
    assert len(bank) == 5
    assert rewards(bank) == [0, 1, 2, 3, 4]
    assert (bank[0].reward, bank[-1].reward) == (0, 4)
    assert rewards(bank[1:4:2]) == [1, 3]
    with pytest.raises(IndexError):
        bank[5]
    bank.clear()
    assert (len(bank), list(bank)) == (0, [])


def test_the_oldest_go():
    bank = bank_of(0, 1, 2, max_size=2)
    bank.add(step(3))
    assert rewards(bank) == [2, 3]


@pytest.mark.parametrize("max_size", [0, -1, 1.5, "3"])
def test_a_bank_of_no_size(max_size):
    with pytest.raises(UsageError, match="max_size"):
        ExperienceBank(max_size)


def test_recent_ones():
    bank = bank_of(0, 1, 2)
    assert [rewards(bank.get_recent(n)) for n in (0, 2, 3, 9)] == [[], [1, 2], [0, 1, 2], [0, 1, 2]]
    with pytest.raises(UsageError, match="n is -1"):
        bank.get_recent(-1)


@pytest.mark.parametrize(
    ("sizes", "merged"), [((None, None), None), ((5, None), 5), ((None, 4), 4), ((5, 4), 5)]
)
def test_merging_two(sizes, merged):
    left, right = bank_of(0, 1, 2, max_size=sizes[0]), bank_of(3, 4, 5, max_size=sizes[1])
    both = left.merge(right)
    assert both.max_size == merged
    assert rewards(both) == list(range(6))[-(merged or 6) :]
    assert (len(left), len(right)) == (3, 3)
    assert both.session_id not in (left.session_id, right.session_id)


def test_merging_in_place():
    bank = bank_of(0, 1)
    bank.merge_inplace(bank_of(2))
    bank.merge_inplace(bank)
    assert rewards(bank) == [0, 1, 2, 0, 1, 2]


def test_what_is_no_experience_is_refused_and_nothing_added():
    bank = ExperienceBank()
    with pytest.raises(UsageError, match="not tuple"):
        bank.add((1, 2, 3, 4, 5))
    with pytest.raises(UsageError, match="not int"):
        bank.add_batch([step(0), 3])
    assert len(bank) == 0


def test_session_ids_differ_and_name_the_task(monkeypatch):
    monkeypatch.delenv("ROSE_TASK", raising=False)
    first, second = ExperienceBank().session_id, ExperienceBank().session_id
    assert first != second
    assert first.startswith("experience_bank_")
    monkeypatch.setenv("ROSE_TASK", "rl.3.environment.1")
    ids = [ExperienceBank().session_id for _ in range(3)]
    assert all(each.startswith("experience_bank_rl.3.environment.1_") for each in ids)
    assert ids == sorted(set(ids))
    assert ExperienceBank(session_id="mine").session_id == "mine"


def test_an_empty_bank_gives_nothing():
    assert ExperienceBank().sample(3) == ExperienceBank().sample(3, replace=False) == []


def test_all_are_drawn_alike():
    counts = Counter(rewards(bank_of(*range(10)).sample(20_000, seed=0)))
    assert len(counts) == 10
    assert all(abs(count - 2000) < 5 * 45 for count in counts.values())


def test_without_replacement_none_is_drawn_twice():
    bank = bank_of(*range(50))
    assert sorted(rewards(bank.sample(50, replace=False))) == list(range(50))
    with pytest.raises(
        UsageError, match="51 experiences cannot be drawn without replacement from a bank of 50"
    ):
        bank.sample(51, replace=False)


def test_a_negative_batch():
    with pytest.raises(UsageError, match="batch_size is -1"):
        bank_of(1).sample(-1)


def test_a_repeated_task_draws_the_same(monkeypatch):
    def draws(seed):
        monkeypatch.setenv("ROSE_SEED", seed)
        bank = bank_of(*range(100))
        return [rewards(bank.sample(5)) for _ in range(3)]

    assert draws("7") == draws("7")
    assert draws("7") != draws("8")
    assert len({tuple(draw) for draw in draws("7")}) == 3


def test_elsewhere_draws_are_random(monkeypatch):
    monkeypatch.delenv("ROSE_SEED", raising=False)
    assert rewards(bank_of(*range(100)).sample(20)) != rewards(bank_of(*range(100)).sample(20))


def test_a_seed_fixes_one_draw_alone(monkeypatch):
    monkeypatch.setenv("ROSE_SEED", "7")
    bank, undisturbed = bank_of(*range(100)), bank_of(*range(100))
    assert rewards(bank.sample(5, seed=1)) == rewards(bank.sample(5, seed=1))
    assert rewards(bank.sample(5)) == rewards(undisturbed.sample(5))


@pytest.mark.parametrize("seed", ["-1", "x", "1.5"])
def test_a_wrong_seed_in_the_environment(monkeypatch, seed):
    monkeypatch.setenv("ROSE_SEED", seed)
    with pytest.raises(UsageError, match="ROSE_SEED"):
        bank_of(1).sample(1)


def test_the_learners_are_imported_when_they_are_asked_for(monkeypatch):
    door = types.ModuleType("rose_mpi.rl.reinforcement_learner")
    door.ParallelExperience = object()
    monkeypatch.setitem(sys.modules, door.__name__, door)
    assert rose_mpi.rl.ParallelExperience is door.ParallelExperience
    with pytest.raises(AttributeError, match="Nothing"):
        rose_mpi.rl.Nothing  # noqa: B018


def test_a_task_script_loads_little():
    program = (
        "import sys, rose_mpi.rl; print('numpy' in sys.modules);"
        "from rose_mpi.rl.experience import Experience, ExperienceBank, create_experience;"
        "print({'mpi4py', 'numba', 'h5py'} & set(sys.modules) or 'nothing')"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["False", "nothing"], result.stderr


def test_numpy_numbers_serve_as_indices_and_sizes():
    bank = bank_of(0, 1, 2)
    assert bank[np.int64(1)].reward == 1
    assert len(bank.sample(np.int64(2))) == 2
