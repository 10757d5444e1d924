"""Let four carts try the policy for 50 steps and keep what they experienced.

The parameter, from 1 to 5, says how adventurous they are: it is the share, in fifths, of actions taken at
random. A cart that fails begins anew.
"""

import os
import sys

import cart_pole
import numpy as np
import policy

from rose_mpi.rl import ExperienceBank, create_experience

CARTS = 4
STEPS = 50

parameter = int(sys.argv[1].removeprefix("parameter="))
rng = np.random.default_rng(int(os.environ["ROSE_SEED"]))
weights = policy.load(int(os.environ["ROSE_ITERATION"]))
bank = ExperienceBank()
states = cart_pole.starts(CARTS, rng)
for _ in range(STEPS):
    random = rng.random(CARTS) < parameter / 5
    actions = np.where(random, rng.integers(policy.ACTIONS, size=CARTS), policy.best_actions(weights, states))
    after = cart_pole.step(states, actions)
    failed = cart_pole.has_failed(after)
    rewards = np.where(failed, 0.0, 1.0)
    bank.add_batch(map(create_experience, states, actions, rewards, after, failed))
    states = np.where(failed[:, None], cart_pole.starts(CARTS, rng), after)
bank.save()
