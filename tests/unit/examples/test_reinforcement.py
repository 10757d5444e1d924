"""The scripts of the cart and pole: environments fill banks, the policy learns from the merged one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rose_mpi.rl import ExperienceBank
from rose_mpi.rl.merging import merge_folder
from tests.unit.examples.scripts import Scripts, modules


@pytest.fixture
def scripts(tmp_path):
    return Scripts("reinforcement", tmp_path)


def explore(scripts, parameter, iteration=0):
    scripts.run(
        "environment.py",
        f"parameter={parameter}",
        ROSE_TASK=f"learner.{iteration}.env_{parameter}.0",
        ROSE_ITERATION=str(iteration),
        ROSE_SEED=str(10 * iteration + parameter),
    )


def test_a_push_accelerates_cart_and_pole_as_the_textbook_says():
    with modules("reinforcement", "cart_pole") as (cart_pole,):
        right, left = cart_pole.step(np.zeros((2, 4)), np.array([1, 0]))
    turning = -(10 / 1.1) / (0.5 * (4 / 3 - 0.1 / 1.1))
    speed = 10 / 1.1 - 0.1 * 0.5 * turning / 1.1
    np.testing.assert_allclose(right, [0, 0.02 * speed, 0, 0.02 * turning])
    np.testing.assert_allclose(left, -right)


def test_a_cart_fails_beyond_its_track_or_with_a_fallen_pole():
    states = np.array([[0, 9, 0, 9], [2.5, 0, 0, 0], [0, 0, -0.22, 0], [-2.3, 0, 0.2, 0]])
    with modules("reinforcement", "cart_pole") as (cart_pole,):
        assert cart_pole.has_failed(states).tolist() == [False, True, True, False]


def test_the_parameter_says_how_much_is_tried_at_random(scripts, tmp_path):
    np.save(tmp_path / "policy-1.npy", np.zeros((2, 15)))  # pushes to the left, always
    shares = []
    for parameter in range(1, 6):
        explore(scripts, parameter, iteration=1)
        (path,) = tmp_path.glob("experience_bank_*.npz")
        bank = ExperienceBank.load(path)
        path.unlink()
        assert len(bank) == 200
        shares.append(np.mean([experience.action for experience in bank]))
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.3, 0.4, 0.5], atol=0.1)
    assert shares == sorted(shares)


def test_an_update_can_be_repeated(scripts, tmp_path):
    for parameter in range(1, 6):
        explore(scripts, parameter)
    assert merge_folder(tmp_path, 0).banks == 5
    assert json.loads(scripts.run("update.py")) == {"experiences": 1000}
    first = (tmp_path / "policy-1.npy").read_bytes()
    scripts.run("update.py")
    assert (tmp_path / "policy-1.npy").read_bytes() == first


def test_the_policy_learns_to_balance(scripts, tmp_path):
    rewards = []
    while len(rewards) < 6 and max(rewards, default=0) <= 200:
        iteration = len(rewards)
        for parameter in range(1, 6):
            explore(scripts, parameter, iteration)
        merge_folder(tmp_path, iteration)
        scripts.run("update.py", ROSE_ITERATION=str(iteration))
        rewards.append(float(scripts.run("check_reward.py", ROSE_ITERATION=str(iteration))))
    assert rewards[0] < 100 < 200 < rewards[-1]
