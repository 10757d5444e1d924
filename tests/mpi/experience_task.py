"""Environments and updates such as a user would write, as a script and as functions."""

import json
import os
import sys

from rose_mpi.rl import ExperienceBank, create_experience

STEPS = 3


def play(index, iteration, workdir):
    """Keep some experiences that tell whose they are."""
    bank = ExperienceBank()
    bank.add_batch(
        create_experience([index, iteration, step], 0, 1.0, [0, 0, 0], False) for step in range(STEPS)
    )
    bank.save(workdir, f"experience_bank_{iteration}_{index}")
    return {"reward": float(index)}


def update(workdir):
    """Tell whose experiences the merged bank holds."""
    bank = ExperienceBank.load(f"{workdir}/experience_bank.npz")
    return {"whose": [[int(number) for number in experience.state] for experience in bank]}


if __name__ == "__main__":
    index, iteration = int(os.environ["ROSE_INDEX"]), int(os.environ["ROSE_ITERATION"])
    if sys.argv[1] == "update":
        print(json.dumps(update(".")))
    elif sys.argv[1:] == ["play", "--broken", str(index)]:
        sys.exit("this environment is broken")
    else:
        print(json.dumps(play(index, iteration, ".")))
