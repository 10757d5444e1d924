"""Seeds that depend on what a task is, never on where or when it runs."""

from __future__ import annotations

from hashlib import blake2b

from rose_mpi.tasks import TaskId


def seed_of(run_seed: int, task: TaskId) -> int:
    """A seed in ``[0, 2**32)`` for one task, the same for each of its attempts."""
    words = (run_seed, task.learner, task.iteration, task.stage, task.model, task.index)
    text = "\0".join(map(str, words))
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
