"""The file is lines of JSON at every moment."""

import json
import math
from types import MappingProxyType

import numpy as np
import pytest

from rose_mpi.trackers import FileTracker
from tests.unit.trackers.sample import MANIFEST, state


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def lines(path):
    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def written(tmp_path, **values):
    path = tmp_path / "run.jsonl"
    FileTracker(path).on_iteration(state(state=values))
    return lines(path)[0]["state"]


def test_a_run_as_lines(tmp_path):
    path = tmp_path / "new" / "run.jsonl"
    tracker = FileTracker(str(path))
    tracker.on_start(MANIFEST)
    (start,) = lines(path)
    assert start["event"] == "start" and start["time"] > 1.7e9
    assert start["manifest"]["tasks"]["training"]["decor_kwargs"] == {"ranks": 2}
    assert start["manifest"]["criterion"]["threshold"] == 0.1

    tracker.on_iteration(state(2, learner_id=0, model_metric={"mc": math.nan}, selected=(4, 1)))
    iteration = lines(path)[1]
    del iteration["time"]
    assert iteration == {
        "event": "iteration",
        "learner": "forrester",
        "learner_id": 0,
        "iteration": 2,
        "started": 100.0,
        "finished": 100.25,
        "metric_name": "mse",
        "metric_value": 0.5,
        "metric_threshold": 0.1,
        "model_metric": {"mc": None},
        "uncertainty": None,
        "pool_uncertainty": None,
        "selected": [4, 1],
        "selected_score": [],
        "should_stop": False,
        "state": {"loss": 0.25, "labelled": 20, "note": "3", "curve": [0.0, 1.0, 2.0]},
        "config": {"training": {"--learning_rate": "0.25", "batch": 32, "--kernel": "rbf", "--fast": True}},
    }

    tracker.on_stop(state(2), "criterion_met")
    tracker.on_stop(None, "error")
    assert [(line["reason"], line["final_iteration"]) for line in lines(path)[2:]] == [
        ("criterion_met", 2),
        ("error", None),
    ]


class Text(str):
    __slots__ = ()


class Opaque:
    def __repr__(self):
        return "<model>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1.0, math.nan]]), [[1.0, None]]),
        (math.inf, None),
        ({"a": (np.float32(0.5), {3: None})}, {"a": [0.5, {"3": None}]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (10**30, 10**30),
        (Text("rbf"), "rbf"),
        (Opaque(), "<model>"),
        ([Opaque()], ["<model>"]),
        (1j, "1j"),
        ("line\nline", "line\nline"),
        ("\ud800", "'\\ud800'"),
    ],
)
def test_values_as_json(tmp_path, value, expected):
    assert written(tmp_path, value=value) == {"value": expected}


def test_a_value_within_itself_is_its_repr_and_spoils_no_other(tmp_path):
    loop = []
    loop.append(loop)
    assert written(tmp_path, loop=loop, loss=0.5) == {"loop": "[[...]]", "loss": 0.5}


def test_what_the_file_has_is_kept(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "stop"}\n{"event": "itera')
    for _ in range(2):
        FileTracker(path).on_start(MANIFEST)
    first, torn, *new = path.read_text().splitlines()
    assert (first, torn) == ('{"event": "stop"}', '{"event": "itera')
    assert [json.loads(line)["event"] for line in new] == ["start", "start"]


def test_the_file_stays_where_the_tracker_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracker = FileTracker("run.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    tracker.on_start(MANIFEST)
    assert len(lines(tmp_path / "run.jsonl")) == 1
