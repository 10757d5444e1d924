"""Names, units and meanings in the results file, for its writer and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

SCHEMA_VERSION: Final = 1
NO_CANDIDATE: Final = -1
TIME: Final = "seconds since 1970-01-01"
NUMBER: Final = "1"

LEARNERS: Final = "learners"
TASKS: Final = "tasks"
STATE: Final = "state"
SCORED: Final = "scored"
CALIBRATION: Final = "calibration"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The ``units`` and ``long_name`` of a dataset."""

    units: str
    long_name: str


SCALES: Final = {
    "iteration": Meaning(NUMBER, "iteration, from 0"),
    "model": Meaning(NUMBER, "model of the ensemble"),
    "query": Meaning(NUMBER, "place among the queried candidates, best first"),
    "task": Meaning(NUMBER, "attempt of a task, in the order of their ends"),
}

PER_ITERATION: Final = {
    "metric": Meaning(NUMBER, "stop metric, mean over the models"),
    "uncertainty": Meaning(NUMBER, "mean score of the queried candidates"),
    "pool_uncertainty": Meaning(NUMBER, "mean score of all candidates that could be queried"),
    "candidates": Meaning(NUMBER, "size of the pool that was scored, 0 where none was"),
    "started": Meaning(TIME, "start of the iteration"),
    "finished": Meaning(TIME, "end of the iteration"),
    "should_stop": Meaning(NUMBER, "1 where the criterion to stop was met"),
    "n_selected": Meaning(NUMBER, "number of queried candidates"),
}
MODEL_METRIC: Final = Meaning(NUMBER, "stop metric of each model")
SELECTED: Final = Meaning(NUMBER, f"indices of the queried candidates, {NO_CANDIDATE} where there are fewer")
SELECTED_SCORE: Final = Meaning(NUMBER, "scores of the queried candidates, NaN where there are fewer")

TASK_COLUMNS: Final = {
    "learner": Meaning(NUMBER, "learner the task belongs to"),
    "iteration": Meaning(NUMBER, "iteration of the learner, from 0"),
    "stage": Meaning(NUMBER, "stage of the iteration"),
    "index": Meaning(NUMBER, "number among the equal tasks of the stage, from 0"),
    "model": Meaning(NUMBER, "model the task works for, empty where there is none"),
    "attempt": Meaning(NUMBER, "attempt, from 0"),
    "rank": Meaning(NUMBER, "world rank that ran it"),
    "host": Meaning(NUMBER, "host of that rank"),
    "queued": Meaning(TIME, "when it was asked for"),
    "started": Meaning(TIME, "when it started"),
    "finished": Meaning(TIME, "when it ended"),
    "status": Meaning(NUMBER, "how it ended: done, failed, timeout or cancelled"),
    "exit_code": Meaning(NUMBER, "exit code, -1 where there was none"),
    "signal": Meaning(NUMBER, "signal that ended it, empty where none did"),
    "error": Meaning(NUMBER, "why it failed, empty where it did not"),
    "result": Meaning(NUMBER, "value it returned, as JSON; empty where there is none"),
    "cpu_seconds": Meaning("s", "processor time of its processes"),
    "max_rss": Meaning("byte", "largest resident set of its processes"),
    "registered": Meaning(NUMBER, "state that it registered, as JSON; null where JSON cannot say it"),
}

_EMPTY: Final = "%"


def link_name(name: str) -> str:
    """A name as HDF5 can hold it: ``%``, ``/``, a lone ``.`` and nothing at all are escaped."""
    escaped = name.replace("%", "%25").replace("/", "%2F")
    return {"": _EMPTY, ".": "%2E"}.get(escaped, escaped)


def state_link(key: str) -> str:
    """The name of a state's dataset: the axes' own names are escaped too, or readers take it for one."""
    return f"%{ord(key[0]):02X}{key[1:]}" if key in SCALES else link_name(key)


def name_of(link: str) -> str:
    """The name that :func:`link_name` or :func:`state_link` escaped."""
    return "" if link == _EMPTY else unquote(link)
