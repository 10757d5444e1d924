"""Test the new policy: how many steps, of 500 at most, do 50 carts last on average? Prints that number."""

import os

import cart_pole
import numpy as np
import policy

weights = policy.load(int(os.environ["ROSE_ITERATION"]) + 1)
states = cart_pole.starts(50, np.random.default_rng(0))
steps = np.zeros(len(states))
lasting = np.full(len(states), True)
for _ in range(500):
    states = cart_pole.step(states, policy.best_actions(weights, states))
    lasting &= ~cart_pole.has_failed(states)
    steps += lasting
print(steps.mean())
