"""The programs of this folder, each run once for all tests of a module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rose_mpi.store.reader import read_results
from rose_mpi.store.state import RunRecord
from tests.system.launching import run_python

PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True)
class Finished:
    """What a program left."""

    folder: Path
    record: RunRecord

    @property
    def outcome(self) -> Any:
        return json.loads((self.folder / "outcome.json").read_text())

    def tasks(self, **wanted):
        """The attempts that are as wanted."""
        return [
            row
            for row in self.record.tasks
            if all(getattr(row, key) == value for key, value in wanted.items())
        ]

    def lines(self, learner, file):
        return (self.folder / "results.work" / learner / file).read_text().splitlines()


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Runs a program of this folder on two ranks; returns what it left."""

    def run(name):
        folder = tmp_path_factory.mktemp(name)
        outcome = run_python(2, PROGRAMS / f"{name}.py", cwd=folder, timeout=60)
        assert outcome.code == 0, outcome
        return Finished(folder, read_results(folder / "results.h5"))

    return run
