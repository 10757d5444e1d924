import pytest

from rose_mpi.config.load import load_config
from rose_mpi.errors import ConfigError

UQ = """\
config_version = 1
[run]
name = "digits"
seed = 7
max_iterations = 12
output = "results.h5"          # relative to where it is run
[engine]
ranks_per_learner = "auto"     # or a number
[tasks.simulation]
command = "{python} {config_dir}/label.py"
count = 3                      # task parallelism within an iteration
timeout = "10m"
retries = 1
ranks = 1
environment = { MY_SETTING = "1" }
[tasks.training]
command = "{python} train.py"
[tasks.prediction]
function = "mymodule:predict"  # a Python function instead of a command
[tasks.criterion]
command = "{python} {config_dir}/check.py"
[criterion]
metric = "model_accuracy"
threshold = 0.93
[uncertainty]
metric = "predictive_entropy"
task_type = "classification"
query_size = 20
threshold = 0.05
[ensemble]
models = ["mlp", "forest", "logistic"]
predictions = 1
[[learners]]
name = "entropy"
kind = "uq"
training.kwargs = { "--lr" = 0.01 }
simulation.schedule = { 0 = { "--n" = 100 }, 5 = { "--n" = 200 }, -1 = { "--n" = 500 } }
prediction.adaptive = { "noise" = "0.1 * 0.95**i" }
[[learners]]
name = "random"
uncertainty.metric = "random"
"""

ACTIVE = """\
[run]
max_iterations = 3
[tasks.simulation]
command = "{python} label.py"
[tasks.training]
command = "{python} train.py"
"""


class Project:
    """A folder with the scripts of a configuration."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("label.py", "train.py", "check.py", "select.py"):
            (folder / name).write_text("print(1)\n")
        (folder / "mymodule.py").write_text("import sys\n\n\ndef predict(noise):\n    return noise\n")
        (folder / "program").write_text("#!/bin/sh\n")
        (folder / "program").chmod(0o755)

    @property
    def config(self):
        return self.folder / "config.toml"

    def write(self, text):
        self.config.write_text(text)
        return self.config

    def load(self, text, *overrides, **options):
        return load_config(self.write(text), overrides, **options)

    def faults(self, text, *overrides):
        with pytest.raises(ConfigError) as caught:
            self.load(text, *overrides)
        return [(fault.line, fault.place, fault.message) for fault in caught.value.faults]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)
