"""Python programs that are killed and resumed: loops of their own, functions, registered state."""

from __future__ import annotations

import json
import sys

import pytest

from rose_mpi.store.reader import read_results
from tests.system.launching import run_python
from tests.system.test_resume import begun_of, kill_when_recorded

# Two workflows of the program's own beside a reinforcement learner, and what the program sees of them.
PROGRAM = """
import json, os, time

import numpy as np

from rose_mpi.engine import Engine
from rose_mpi.learner import Learner
from rose_mpi.rl import ExperienceBank, create_experience
from rose_mpi.rl.reinforcement_learner import ParallelExperience

engine = Engine(seed=3, resume=True)
ROOT = os.getcwd()
seen = []


def note(name):
    with open(f"{ROOT}/ledger", "a") as ledger:
        ledger.write(name + "\\n")
    time.sleep(0.05)


custom = Learner(engine)
custom.on_state_update(lambda key, value: seen.append((key, value)))


@custom.simulation_task(as_executable=False)
def simulate(n, learner, iteration, index, seed):
    note(f"{learner}.{iteration}.simulation.{index}")
    return np.random.default_rng(seed).random(n)


@custom.training_task(as_executable=False)
def train(samples, learner, iteration, index):
    note(f"{learner}.{iteration}.training.{index}")
    custom.register_state("samples", len(samples))
    return {"mean": float(np.mean(samples))}


@custom.as_stop_criterion("error", 0.0, "<", as_executable=False)
def check(model, learner, iteration, index):
    note(f"{learner}.{iteration}.criterion.{index}")
    return model["mean"]


@custom.utility_task
def tell(total):
    return f"sh {ROOT}/tell.sh {total}"


@custom.as_async
def teach(size):
    history = []
    for _ in range(4):
        parts = [simulate(size), simulate(2 * size)]
        samples = np.concatenate([part.result() for part in parts])
        decision = check(train(samples))
        history.append(decision.value)
        size += 1 + int(10 * decision.value)
    return history, tell(len(history)).result()


played = ParallelExperience(engine)


@played.environment_task(as_executable=False, count=2)
def play(workdir, learner, iteration, index, seed):
    note(f"{learner}.{iteration}.environment.{index}")
    bank = ExperienceBank(session_id=str(seed))
    bank.add(create_experience([seed], 0, 1.0, [0], False))
    bank.save(workdir, f"experience_bank_{index}")


@played.update_task(as_executable=False)
def update(workdir, learner, iteration, index):
    note(f"{learner}.{iteration}.update.{index}")
    bank = ExperienceBank.load(f"{workdir}/experience_bank.npz")
    return {"whose": [int(experience.state[0]) for experience in bank]}


futures = [teach(3), teach(5)]
states = [state.to_dict() for state in played.start(max_iter=4)]
found = {"teach": [future.result() for future in futures], "played": states, "seen": sorted(map(str, seen))}
engine.shutdown()
with open("found.json", "w") as file:
    json.dump(found, file)
"""
TELL = 'echo "$ROSE_TASK" >>"$ROSE_ROOT/ledger"; echo "told $1"'


def prepare(folder):
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "tell.sh").write_text(TELL)
    return folder


def found(folder):
    return json.loads((folder / "found.json").read_text())


def rows(folder):
    table = read_results(folder / "results.h5").tasks
    return sorted(
        (
            str(table.task(number)),
            row.attempt,
            row.status,
            row.result.replace(str(folder), ""),
            row.registered,
        )
        for number, row in enumerate(table)
    )


def iterations(folder):
    learners = read_results(folder / "results.h5").learners
    return {
        name: (learner.stop_reason, [(state.metric, dict(state.state)) for state in learner.iterations])
        for name, learner in learners.items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = prepare(tmp_path_factory.mktemp("whole"))
    outcome = run_python(3, "program.py", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    return folder


def test_a_program_killed_again_and_again_sees_the_same(whole, tmp_path):
    folder = prepare(tmp_path / "parts")
    finished = {}
    for tasks, ranks in ((2, 3), (12, 2), (26, 4), (40, 3)):
        now = kill_when_recorded([sys.executable, "program.py"], folder, tasks, ranks)
        assert begun_of(folder, finished) == finished
        finished = begun_of(folder, now)
    outcome = run_python(2, "program.py", cwd=folder, timeout=100)
    assert outcome.code == 0, outcome
    assert "resuming" in outcome.errors
    assert begun_of(folder, finished) == finished
    assert found(folder) == found(whole)
    assert rows(folder) == rows(whole)
    assert str(iterations(folder)) == str(iterations(whole))
    again = run_python(2, "program.py", cwd=folder, timeout=100)
    assert again.code == 0, again
    assert begun_of(folder, finished) == finished
    assert found(folder) == found(whole)


PICKLED = """
import os

from rose_mpi.engine import Engine
from rose_mpi.learner import Learner

engine = Engine(resume=True)
learner = Learner(engine)


@learner.training_task(as_executable=False)
def train(number):
    with open("LEDGER", "a") as ledger:
        ledger.write(f"{number}\\n")
    return {number, number + 1} if number % 2 else number


print([train(number).result() for number in range(4)])
"""


def test_what_json_cannot_say_is_made_again_and_told_once(tmp_path):
    (tmp_path / "program.py").write_text(PICKLED.replace("LEDGER", str(tmp_path / "ledger")))
    first = run_python(0, "program.py", cwd=tmp_path, timeout=60)
    second = run_python(0, "program.py", cwd=tmp_path, timeout=60)
    assert (first.code, second.code) == (0, 0), second
    assert first.output == second.output == "[0, {1, 2}, 2, {3, 4}]\n"
    assert (tmp_path / "ledger").read_text().split() == ["0", "1", "2", "3", "1", "3"]
    assert second.errors.count("runs again, and all others like it") == 1
    assert len(read_results(tmp_path / "results.h5").tasks) == 4
