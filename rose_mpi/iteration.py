"""What one iteration of a learner came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rose_mpi.nearest import nearest

NAN = math.nan


@dataclass(frozen=True, slots=True)
class IterationState:
    """The state of a learner after an iteration; what its tasks returned can be read like attributes.

    Attributes
    ----------
    started, finished:
        Seconds since 1970-01-01.
    metric:
        The stop metric, as the mean over the models; NaN where there is none.
    model_metric:
        The stop metric of each model (one entry with an empty name outside ensembles).
    uncertainty, pool_uncertainty:
        Mean score of the selected candidates, and of all that could be selected; NaN where there is none.
    candidates:
        Size of the pool that the engine scored; 0 where it scored none.
    selected, selected_score:
        Indices of the queried candidates, best first, and their scores.
    state:
        What the iteration's tasks returned or registered by name: ``state.labeled_count`` is
        ``state.state["labeled_count"]``.
    should_stop:
        Whether the learner's criterion was met.
    metric_name, metric_threshold:
        The criterion; ``None`` without one.
    metric_history:
        The stop metric of all iterations so far.
    learner_id:
        The learner's number or name among those that run in parallel; ``None`` for a sequential one.
    current_config:
        The configuration that the iteration ran with; ``None`` where there is none.
    """

    learner: str
    iteration: int
    started: float
    finished: float
    metric: float = NAN
    model_metric: Mapping[str, float] = field(default_factory=dict)
    uncertainty: float = NAN
    pool_uncertainty: float = NAN
    candidates: int = 0
    selected: tuple[int, ...] = ()
    selected_score: tuple[float, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    should_stop: bool = False
    metric_name: str | None = None
    metric_threshold: float | None = None
    metric_history: tuple[float, ...] = ()
    learner_id: int | str | None = None
    current_config: Any = None

    @property
    def metric_value(self) -> float | None:
        """The stop metric; ``None`` where there is none."""
        return None if math.isnan(self.metric) else self.metric

    @property
    def numbers(self) -> dict[str, float]:
        """Those values of the state that are finite numbers."""
        return {name: float(value) for name, value in self.state.items() if _is_number(value)}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in type(self).__slots__:
            raise AttributeError(name)
        if name in self.state:
            return self.state[name]
        near = nearest(name, [*type(self).__slots__, "metric_value", *self.state])
        hint = f"did you mean {near!r}?" if near else f"the tasks gave {', '.join(self.state) or 'none'}"
        raise AttributeError(
            f"the state of {self.learner}, iteration {self.iteration} has no {name!r}: {hint}"
        )

    def get(self, key: str, default: Any = None) -> Any:
        """What the tasks gave under ``key``, or ``default``."""
        return self.state.get(key, default)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values; NaN becomes ``None``."""
        own: dict[str, Any] = {
            "iteration": self.iteration,
            "metric_name": self.metric_name,
            "metric_value": self.metric_value,
            "metric_threshold": self.metric_threshold,
            "metric_history": self.metric_history,
            "should_stop": self.should_stop,
            "learner_id": self.learner_id,
        }
        ensemble = {
            "model_metric": {model: metric for model, metric in self.model_metric.items() if model},
            "uncertainty": self.uncertainty,
            "selected": self.selected,
            "selected_score": self.selected_score,
        }
        if not math.isnan(self.uncertainty) or ensemble["model_metric"]:
            own |= ensemble
        others = {name: value for name, value in self.state.items() if name not in own}
        return {name: _json(value) for name, value in {**own, **others}.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _json(value: Any) -> Any:
    """A value as JSON can say it; what it cannot becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if hasattr(value, "tolist"):
        return _json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)
