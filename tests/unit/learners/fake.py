"""An executor that answers at once, in the test's own process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rose_mpi.tasks import FileArray, TaskResult, TaskStatus
from rose_mpi.uq.scores import Scores


class FakeExecutor:
    """Answers from ``values[stage]``, a value or a function of the call, and keeps what it was asked."""

    def __init__(self, values=None, failing=(), scores=None):
        self.values = values or {}
        self.failing = failing
        self.scores = scores or (lambda request: range(request.iteration * 2, request.iteration * 2 + 2))
        self.calls = []
        self.requests = []
        self.closed = []
        self.merged = []

    async def open(self, learners):
        return {name: (number,) for number, name in enumerate(learners)}

    def close(self, learner):
        self.closed.append(learner)

    async def merge_experience(self, learner, iteration):
        self.merged.append((learner, iteration))
        return {"experiences": 10 * (iteration + 1)}

    async def run_stage(self, calls):
        self.calls += calls
        return [self.result(call) for call in calls]

    async def score(self, request):
        self.requests.append(request)
        indices = np.array(list(self.scores(request)), np.int64)
        uncertainty = 1.0 / (1 + request.iteration)
        return Scores(
            indices, np.full(len(indices), uncertainty), uncertainty, 0.5, 100, f"/s/{request.iteration}"
        )

    async def publish(self, learner, iteration, scores):
        return replace(scores, file=f"/published/{learner}/{iteration}")

    def result(self, call):
        if (call.id.stage, call.id.index) in self.failing:
            return self.attempt(call, TaskStatus.FAILED, None, "exit code 1")
        value = self.values.get(call.id.stage)
        if callable(value):
            value = value(call)
        if call.id.stage == "prediction" and value is None:
            value = FileArray(f"/{call.id}.npy")
        return self.attempt(call, TaskStatus.DONE, value, "")

    def attempt(self, call, status, value, error):
        return TaskResult(call.id, 0, status, 1, "host", 0.0, 0.0, 1.0, value=value, error=error)

    def stages(self):
        return [(call.id.iteration, call.id.stage, call.id.model or call.id.index) for call in self.calls]
