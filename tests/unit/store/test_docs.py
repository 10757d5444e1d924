import re
import subprocess
import sys
from pathlib import Path

import pytest

from rose_mpi.store import schema
from rose_mpi.store.image import image
from tests.unit.store.sample import campaign, folded

PAGE = Path(__file__).parents[3] / "docs" / "results-file.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
EXPECTED = [
    "criterion_met",
    "entropy  simulation",
    "<xarray.DataTree 'state'>",
    "entropy done [0.5, 0.6, 0.7]",
]


@pytest.mark.parametrize(("snippet", "expected"), list(zip(SNIPPETS, EXPECTED, strict=True)))
def test_the_examples_of_the_page_run(tmp_path, snippet, expected):
    (tmp_path / "results.h5").write_bytes(image(folded(*campaign()), 1, lambda: None))
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert expected in ended.stdout


def test_the_page_names_everything_in_the_file():
    page = PAGE.read_text()
    names = {*schema.SCALES, *schema.PER_ITERATION, *schema.TASK_COLUMNS}
    assert [name for name in sorted(names) if name not in page] == []
