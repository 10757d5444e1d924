"""The complete programs of docs/python.md and of the README run as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.system.launching import run_python

REPOSITORY = Path(__file__).parents[2]
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)


def programs():
    for page in ("docs/python.md", "README.md"):
        found = PROGRAM.findall((REPOSITORY / page).read_text())
        for number, program in enumerate(text for text in found if "rose_mpi.engine" in text):
            yield pytest.param(program, id=f"{Path(page).stem}-{number}")


@pytest.mark.parametrize("program", list(programs()))
def test_a_program_of_the_pages_runs(tmp_path, program):
    for script in (REPOSITORY / "examples" / "minimal").glob("*.py"):
        shutil.copy(script, tmp_path)
    (tmp_path / "program.py").write_text(program)
    outcome = run_python(0, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
