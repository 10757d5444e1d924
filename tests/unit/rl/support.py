"""Banks to test with, and what it means that two values are the same."""

import numpy as np

from rose_mpi.rl import ExperienceBank, create_experience


def bank_of(*rewards, **options):
    """A bank whose experiences are told apart by their reward."""
    bank = ExperienceBank(**options)
    bank.add_batch([step(reward) for reward in rewards])
    return bank


def step(reward, **fields):
    values = {
        "state": np.full(3, reward, np.float32),
        "action": 1,
        "reward": float(reward),
        "next_state": np.full(3, reward + 1, np.float32),
        "done": False,
    }
    return create_experience(**values | fields)


def rewards(bank):
    return [experience.reward for experience in bank]


def same(left, right):
    """Whether two values are equal in type, shape and bits, down to the last leaf."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray | np.generic):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    return repr(left) == repr(right)
