"""Runs the scripts of an example as tasks, and imports its modules as they do."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[3] / "examples"


@dataclass(frozen=True)
class Scripts:
    """The scripts of one example, in the working folder of one learner."""

    example: str
    folder: Path

    def run(self, script: str, *arguments: str, **variables: str) -> str:
        """Run a script as the only task of its kind in iteration 0; returns the last line it wrote."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ROSE_")}
        task = {"ROSE_SEED": "1", "ROSE_ITERATION": "0", "ROSE_INDEX": "0", "ROSE_TASK": "learner.0.task.0"}
        outcome = subprocess.run(
            [sys.executable, str(EXAMPLES / self.example / script), *arguments],
            cwd=self.folder,
            env=environment | task | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert outcome.returncode == 0, outcome.stderr
        return (outcome.stdout.splitlines() or [""])[-1]


@contextmanager
def modules(example: str, *names: str) -> Iterator[list[ModuleType]]:
    """Modules of an example, under the plain names by which its scripts import them."""
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(EXAMPLES / example))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(EXAMPLES / example))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)
