"""The campaign that is killed: one learner of each kind, whose tasks depend on all that came before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

CONFIG = """
[run]
seed = 5
max_iterations = 6

[tasks.simulation]
command = "sh {config_dir}/task.sh"
count = 3
retries = 9

[tasks.training]
command = "sh {config_dir}/task.sh"
retries = 9

[tasks.active_learn]
command = "sh {config_dir}/task.sh"
retries = 9

[tasks.criterion]
command = "sh {config_dir}/task.sh"
retries = 9

[criterion]
metric = "error"
threshold = 0.0
operator = "<"

[[learners]]
name = "active"
kind = "active"

[[learners]]
name = "memory"
kind = "uq"
training = { function = "functions:train" }
prediction = { function = "functions:predict" }
ensemble = { models = ["a", "b"], predictions = 2 }
uncertainty = { metric = "predictive_variance", query_size = 4 }

[[learners]]
name = "files"
kind = "uq"
prediction = { command = "{python} -I -S {config_dir}/predict.py", retries = 9 }
ensemble = { models = ["a", "b"] }
uncertainty = { metric = "random", query_size = 3, task_type = "regression" }

[[learners]]
name = "played"
kind = "experience"
environment = { function = "functions:play", count = 2 }
update = { function = "functions:update" }
"""

# What a task prints depends on its seed, on the selection that it is given, and on what tasks before it left.
TASK = """
echo "$ROSE_TASK" >>"$ROSE_ROOT/ledger"
sleep 0.04
seen=$(cat "${ROSE_SELECTED:-/dev/null}" | cksum | cut -d ' ' -f 1)
weight=weight$ROSE_MODEL
case $ROSE_TASK in
*.training.*) echo "$ROSE_SEED $seen" >"$weight.$$" && mv "$weight.$$" "$weight" ;;
esac
trained=$(cat "$weight" 2>/dev/null | cksum | cut -d ' ' -f 1)
case $ROSE_TASK in
*.simulation.*) trained=0 ;;
esac
printf '{"error": 0.%09d, "seen": %s, "trained": %s}' "$ROSE_SEED" "$seen" "$trained"
"""

PREDICT = """
import math, os, struct, time

with open(os.environ["ROSE_ROOT"] + "/ledger", "a") as ledger:
    ledger.write(os.environ["ROSE_TASK"] + "\\n")
time.sleep(0.02)
phase = int(os.environ["ROSE_SEED"]) % 1000
values = [math.sin(phase * row) for row in range(100)]
header = "{'descr': '<f8', 'fortran_order': False, 'shape': (100,), }".ljust(117) + "\\n"
with open(os.environ["ROSE_RESULT"] + ".npy", "wb") as file:
    file.write(b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack("<100d", *values))
"""

FUNCTIONS = """
import time
from pathlib import Path

import numpy as np

from rose_mpi.rl import ExperienceBank, create_experience


def note(workdir, learner, iteration, stage, index, model=""):
    name = f"{learner}.{iteration}.{stage}.{index}" + (f".{model}" if model else "")
    with open(Path(workdir).parents[1] / "ledger", "a") as ledger:
        ledger.write(name + "\\n")
    time.sleep(0.02)


def train(workdir, learner, iteration, index, model, seed):
    note(workdir, learner, iteration, "training", index, model)
    return {"loss": seed / 2**32}


def predict(workdir, learner, iteration, index, model, seed):
    note(workdir, learner, iteration, "prediction", index, model)
    return np.random.default_rng(seed).random(500)


def play(workdir, learner, iteration, index, seed):
    note(workdir, learner, iteration, "environment", index)
    bank = ExperienceBank(session_id=str(seed))
    bank.add_batch(create_experience([index, iteration, step], 0, 1.0, [0], False) for step in range(3))
    bank.save(workdir, f"experience_bank_{iteration}_{index}")
    return {"reward": seed / 2**32}


def update(workdir, learner, iteration, index):
    note(workdir, learner, iteration, "update", index)
    bank = ExperienceBank.load(f"{workdir}/experience_bank.npz")
    return {"whose": [[int(number) for number in experience.state] for experience in bank]}
"""


def write_campaign(folder: Path) -> None:
    """Write the campaign's files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"config.toml": CONFIG, "task.sh": TASK, "predict.py": PREDICT, "functions.py": FUNCTIONS}
    for name, text in files.items():
        (folder / name).write_text(text)


def begun(folder: Path) -> Counter[str]:
    """How often each task began so far."""
    ledger = folder / "ledger"
    return Counter(ledger.read_text().split() if ledger.exists() else ())
