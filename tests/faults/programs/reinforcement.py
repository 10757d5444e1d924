"""Reinforcement learners whose environments leave good banks, bad ones, or none."""

import json
from pathlib import Path

from rose_mpi.engine import Engine
from rose_mpi.rl import (
    ExperienceBank,
    ParallelExperience,
    SequentialReinforcementLearner,
    create_experience,
)

engine = Engine()


def parallel_experience(*commands):
    """A learner with an environment that leaves a bank of five experiences, and one for each command."""
    learner = ParallelExperience(engine)

    @learner.environment_task(name="good", as_executable=False)
    def good(workdir):
        bank = ExperienceBank()
        bank.add_batch(create_experience(i, 0, 1.0, i + 1, False) for i in range(5))
        bank.save(workdir)

    for number, command in enumerate(commands):
        learner.environment_task(lambda *_, command=command: command, name=f"other-{number}")

    @learner.update_task(as_executable=False)
    def update(workdir):
        return {"size": len(ExperienceBank.load(Path(workdir, "experience_bank.npz")))}

    return learner


def failure(learner):
    try:
        learner.learn(max_iter=2)
    except Exception as error:
        return str(error)
    return ""


def without_criterion():
    learner = SequentialReinforcementLearner(engine)
    learner.environment_task(lambda *_: "true")
    learner.update_task(lambda *_: "true")
    return learner.learn(max_iter=2)


outcome = {
    "merged": [state.size for state in parallel_experience().start(max_iter=3)],
    "damaged": failure(parallel_experience("sh -c 'echo damaged > experience_bank_other.npz'")),
    "failing": failure(parallel_experience("sh -c 'echo the robot fell over >&2; exit 4'")),
    "without criterion": without_criterion().iteration,
}
engine.shutdown()
Path("outcome.json").write_text(json.dumps(outcome))
