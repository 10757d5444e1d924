"""One step of least-squares policy iteration (Lagoudakis and Parr, J. Mach. Learn. Res. 4, 1107, 2003).

The value of each action under the present policy follows from all experiences so far by a linear system of
equations; the new policy takes the action that is best by that value.
"""

import json
import os

import numpy as np
import policy

from rose_mpi.rl import ExperienceBank

DISCOUNT = 0.95
RIDGE = 1.0


def pair_features(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Features of states in the block of the action, zeros elsewhere, ``[n, actions * features]``."""
    chosen = np.eye(policy.ACTIONS)[actions]
    return (chosen[:, :, None] * policy.features(states)[:, None, :]).reshape(len(states), -1)


bank = ExperienceBank.load("experience_bank.npz")
states = np.array([experience.state for experience in bank])
actions = np.array([experience.action for experience in bank])
rewards = np.array([experience.reward for experience in bank])
after = np.array([experience.next_state for experience in bank])
goes_on = np.array([not experience.done for experience in bank])

iteration = int(os.environ["ROSE_ITERATION"])
weights = policy.load(iteration)
now = pair_features(states, actions)
then = pair_features(after, policy.best_actions(weights, after)) * goes_on[:, None]
equations = now.T @ (now - DISCOUNT * then) + RIDGE * np.eye(now.shape[1])
improved = np.linalg.solve(equations, now.T @ rewards).reshape(weights.shape)
np.save(policy.file(iteration + 1), improved)
print(json.dumps({"experiences": len(bank)}))
