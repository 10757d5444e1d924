"""What docs/uncertainty.md says: its programs run, and its tables name what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.uq import UQ_REGISTRY, UQScorer
from rose_mpi.uq.batches import BATCHES, check_choice
from rose_mpi.uq.registry import METRICS
from tests.system.launching import run_python

PAGE = (Path(__file__).parents[2] / "docs" / "uncertainty.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TABLES = re.findall(r"^\|.*\n\|-.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)


def named(table):
    """Names in code font in the first column of a table, row by row."""
    return [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in TABLES[table].splitlines()]


def test_the_tables_name_all_metrics_and_batches():
    assert {name for table in (0, 1) for row in named(table) for name in row} == set(METRICS)
    assert [row[0] for row in named(2)] == list(BATCHES)


@pytest.mark.parametrize(("table", "known"), [(1, METRICS), (2, BATCHES)])
def test_the_tables_name_all_parameters_and_their_defaults(table, known):
    for row in TABLES[table].splitlines():
        _, names, _, told, *_ = row.split("|")
        parameters = {
            name: float({"": "nan", "false": "0"}.get(value, value))
            for name, value in re.findall(r"`(\w+)`(?: = ([\w.]+))?", told)
        }
        np.testing.assert_equal(parameters, dict(known[names.strip(" `")].parameters))


def test_small_values_are_chosen_where_the_table_says_so():
    for row, names in zip(TABLES[0].splitlines(), named(0), strict=True):
        assert [METRICS[name].minimise for name in names] == ["**smaller**" in row] * len(names)


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_configurations_are_taken(text):
    asked = tomllib.loads(text)["uncertainty"]
    check_choice(METRICS[asked["metric"]], asked.get("batch", "top"), asked["parameters"])


def test_metrics_of_your_own():
    exec(PROGRAMS[0], {})
    try:
        predictions = np.random.default_rng(0).normal(size=(4, 30))
        scorer = UQScorer("regression")
        np.testing.assert_allclose(scorer.score("spread", predictions), np.ptp(predictions, axis=0))
        assert scorer.score("unusual", predictions).shape == (30,)
    finally:
        del UQ_REGISTRY["spread"], UQ_REGISTRY["unusual"]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_rank_gets_the_same_from_the_collective_functions(tmp_path, ranks):
    (tmp_path / "program.py").write_text(PROGRAMS[1].replace("print(", "print(comm.rank, "))
    outcome = run_python(ranks, "program.py", cwd=tmp_path, timeout=60)
    assert outcome.code == 0, outcome
    told = [sorted(re.findall(rf"^{rank} (\[.*)", outcome.output, re.MULTILINE)) for rank in range(ranks)]
    assert len(told[0]) == 5
    assert told == told[:1] * ranks
