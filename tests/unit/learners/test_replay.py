"""Loops that are interrupted after each of their calls, and go on from the record."""

import asyncio
import logging
import pickle
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from rose_mpi.events import RunStarted, StopReason, TaskFinished, TasksRepeated
from rose_mpi.layout import Layout
from rose_mpi.learners.campaign import Campaign
from rose_mpi.learners.replay import ReplayExecutor
from rose_mpi.learners.spec import Criterion, Ensemble, LearnerKind, LearnerSpec, OnFailure, Step, Uncertainty
from rose_mpi.store.history import History
from rose_mpi.store.records import decode, encode, record_of
from rose_mpi.store.state import RunRecord
from rose_mpi.tasks import Expects, FileArray, Pickled, RankArray, Task, TaskCall, TaskId, TaskStatus
from tests.unit.learners.fake import FakeExecutor

STARTED = RunStarted("run", 0.0, 7, 2, ("host",), "")
TRUE = Step(Task("true"))


class Killed(BaseException):
    """The job ends here."""


class Ranks(FakeExecutor):
    """Runs tasks, as far as its life goes; a call costs one, and each task of a stage."""

    def __init__(self, observe, layout, life, **options):
        super().__init__(**options)
        self.layout = layout
        self.observe = observe
        self.life = life
        self.published = []

    def live(self):
        self.life -= 1
        if self.life < 0:
            raise Killed

    async def run_stage(self, calls):
        results = []
        for call in calls:
            self.live()
            self.calls.append(call)
            for attempt in range(call.work.retries + 1):
                result = msgspec.structs.replace(self.result(call), attempt=attempt)
                self.observe(TaskFinished(result))
                if result.done:
                    break
            results.append(result)
        return results

    async def score(self, request):
        self.live()
        scores = await super().score(request)
        calibration = {"calibration_error": 0.1 + request.iteration}
        file = str(self.layout.selection(request.learner, request.iteration))
        return replace(scores, file=file, calibration=calibration)

    async def merge_experience(self, learner, iteration):
        self.merged.append((learner, iteration))
        return {"banks": 2, "new_experiences": 5, "experiences": 5 * (iteration + 1)}

    async def publish(self, learner, iteration, scores):
        self.published.append((learner, iteration, scores.indices.tolist()))
        return replace(scores, file=str(self.layout.selection(learner, iteration)))


class Run:
    """A campaign that is resumed from its record as often as it is killed."""

    def __init__(self, specs, layout, **options):
        self.specs = specs
        self.layout = layout
        self.options = options
        self.record = None
        self.ran = []
        self.scored = []

    def part(self, life):
        """Go on for so many calls; returns how the learners ended, or ``None`` if they were killed."""
        saved = self.record
        history = History(saved)
        ended = {(name, state.iteration) for name, one in self.learners(saved) for state in one.iterations}
        self.record = saved or RunRecord(STARTED)
        self.record.add(STARTED)
        self.ranks = Ranks(self.observe, self.layout, life, **self.options)
        self.history = history
        executor = ReplayExecutor(self.ranks, history, self.layout, self.observe)
        try:
            return asyncio.run(Campaign(self.specs, executor, self.observe).run())
        except BaseException:
            if not self.killed:
                raise
            return None
        finally:
            self.ran += [call.id for call in self.ranks.calls]
            self.scored += [request.iteration for request in self.ranks.requests]
            assert ended.isdisjoint(self.ranks.merged)

    @staticmethod
    def learners(record):
        return record.learners.items() if record else ()

    def observe(self, event):
        if self.killed:
            return
        news = self.history.news(event)
        if news:
            self.record.add(decode(encode(record_of(news))))

    @property
    def killed(self):
        return self.ranks.life < 0

    def all(self, life=10**6):
        parts = (self.part(life) for _ in range(200))
        return next(reasons for reasons in parts if reasons)

    def outcome(self):
        learners = {
            name: ([repr(replace(state, started=0.0, finished=0.0)) for state in learner.iterations],
                   learner.stop_reason, learner.error)
            for name, learner in self.record.learners.items()
        }  # fmt: skip
        return learners, sorted(repr(row) for row in self.record.tasks)


def metric(call):
    return {"mse": 1.0 / (1 + call.id.iteration), "model": len(call.id.model)}


def active(**options):
    steps = dict.fromkeys(("training", "active_learn", "criterion"), TRUE)
    steps["simulation"] = Step(Task("true"), count=3)
    criterion = Criterion("mse", 0.3, "<")
    return LearnerSpec("active", LearnerKind.ACTIVE, steps, 7, 9, criterion, **options)


def uncertain():
    steps = dict.fromkeys(("simulation", "training", "prediction", "active_learn", "criterion"), TRUE)
    return LearnerSpec(
        "uncertain",
        LearnerKind.UQ,
        steps,
        7,
        3,
        Criterion("mse", 0.4, "<"),
        Uncertainty("predictive_variance", "regression", 2),
        Ensemble(("a", "b"), 2),
    )


def measured():
    """A learner whose own task measures and chooses."""
    steps = {**uncertain().steps, "uncertainty": TRUE}
    return replace(uncertain(), name="measured", steps=steps)


def reinforced():
    steps = {"environment": Step(Task("true"), count=2), "update": TRUE, "criterion": TRUE}
    return LearnerSpec("rl", LearnerKind.EXPERIENCE, steps, 7, 4, Criterion("mse", 0.1, "<"))


VALUES = {
    "criterion": metric,
    "simulation": lambda call: {"seen": call.selection or "", "seed": call.seed},
    "prediction": lambda call: RankArray(1, str(call.id)) if call.expects is Expects.PREDICTION else 0.5,
    "uncertainty": lambda call: {"metric_value": 0.5, "indices": [call.id.iteration, 9]},
}


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "results.h5")


@pytest.mark.parametrize("life", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("spec", [active, measured, reinforced])
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_and_runs_nothing_twice(layout, spec, life):
    whole, parts = (Run([spec()], layout, values=VALUES) for _ in range(2))
    assert parts.all(life) == whole.all()
    assert parts.outcome() == whole.outcome()
    assert len(set(parts.ran)) == len(parts.ran) == len(whole.ran)


def test_an_ensemble_in_memory_is_made_again_only_while_its_score_is_pending(layout):
    whole = Run([uncertain()], layout, values=VALUES)
    reasons = whole.all()
    first = next(number for number, task in enumerate(whole.ran) if task.stage == "active_learn")
    for life in range(1, 40):
        parts = Run([uncertain()], layout, values=VALUES)
        assert parts.part(life) is None or life > len(whole.ran)
        assert parts.part(10**6) == reasons
        assert parts.outcome() == whole.outcome()
        assert parts.scored == whole.scored
        twice = {task for task in parts.ran if parts.ran.count(task) > 1}
        assert {task.stage for task in twice} <= {"prediction"}
        if life > first:
            assert not [task for task in twice if task.iteration == 0]


def test_learners_side_by_side_come_to_the_same(layout):
    specs = [active(), uncertain(), measured(), reinforced()]
    whole, parts = (Run(specs, layout, values=VALUES) for _ in range(2))
    assert parts.all(13) == whole.all()
    assert parts.outcome() == whole.outcome()


def test_a_finished_run_runs_nothing_and_more_iterations_go_on(layout):
    run = Run(
        [replace(active(), criterion=Criterion("mse", 0.0, "<"), max_iterations=2)], layout, values=VALUES
    )
    run.all()
    before, ran = run.outcome(), len(run.ran)
    assert run.all() == (StopReason.MAX_ITER_REACHED,)
    assert (run.outcome(), len(run.ran)) == (before, ran)
    run.specs = [replace(run.specs[0], max_iterations=4)]
    run.all()
    assert len(run.ran) == 2 * ran
    assert [state.iteration for state in run.record.learners["active"].iterations] == [0, 1, 2, 3]


def test_a_selection_is_published_again_for_the_first_task_that_needs_it(layout):
    run = Run([uncertain()], layout, values=VALUES)
    run.part(8)
    assert run.ran[-1].stage == "prediction"
    run.part(2)
    assert run.ranks.published == [("uncertain", 0, [0, 1])]
    assert {call.selection for call in run.ranks.calls} == {str(layout.selection("uncertain", 0))}


def failing(**options):
    step = Step(Task("false", retries=1), count=2, on_failure=OnFailure.SKIP)
    return replace(active(**options), steps={**active().steps, "simulation": step}, max_iterations=2)


@pytest.mark.parametrize("life", [1, 2, 3, 4])
def test_a_failure_that_was_skipped_is_skipped_again(layout, life):
    options = {"values": VALUES, "failing": [("simulation", 1)]}
    whole, parts = (Run([failing()], layout, **options) for _ in range(2))
    assert parts.all(life) == whole.all()
    assert parts.outcome() == whole.outcome()
    assert parts.ran == whole.ran


def test_what_ended_a_learner_is_tried_again(layout):
    run = Run([active()], layout, values=VALUES, failing=[("training", 0)])
    assert run.all() == (StopReason.ERROR,)
    assert run.record.learners["active"].error
    run.options["failing"] = []
    assert run.all() == (StopReason.CRITERION_MET,)
    assert [task.stage for task in run.ran[:5]] == ["simulation"] * 3 + ["training"] * 2
    assert {row.status for row in run.record.tasks} == {"done"}
    assert not run.record.learners["active"].error


class One:
    """One task that an earlier part of the run recorded."""

    def __init__(self, layout, result, *events):
        record = RunRecord(STARTED)
        record.add(record_of(TaskFinished(result)))
        self.told = []
        self.ranks = FakeExecutor({"training": "new"})
        self.executor = ReplayExecutor(self.ranks, History(record), layout, self.told.append)

    def ask(self, **changes):
        call = msgspec.structs.replace(TaskCall(TaskId("one", 0, "training"), Task("true"), 1), **changes)
        (result,) = asyncio.run(self.executor.run_stage([call]))
        return result


def result(value=None, **changes):
    call = TaskCall(TaskId("one", 0, "training"), Task("true"), 1)
    return msgspec.structs.replace(FakeExecutor().attempt(call, TaskStatus.DONE, value, ""), **changes)


@pytest.mark.parametrize("value", [None, 0.1 + 0.2, "text", {"a": [1, {"b": None}]}, {"file": "no array"}])
def test_values_come_back_as_they_were(layout, value):
    one = One(layout, result(value, exit_code=0, rank=3, host="n", started=1.5))
    assert one.ask() == result(value, exit_code=0, rank=3, host="n", started=1.5)
    assert not one.ranks.calls


def test_registered_state_comes_back(layout):
    one = One(layout, result(1, registered=pickle.dumps({"loss": 0.5, "n": np.int64(3)})))
    assert pickle.loads(one.ask().registered) == {"loss": 0.5, "n": 3}


@pytest.mark.parametrize(
    "recorded",
    [result(Pickled(pickle.dumps((1, 2)))), result(1, registered=pickle.dumps({"set": {1, 2}}))],
)
def test_what_json_cannot_say_is_made_again_and_told_once(layout, recorded, caplog):
    one = One(layout, recorded)
    with caplog.at_level(logging.WARNING):
        assert one.ask().value == "new"
        one.ask()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "task one.0.training.0 runs again, and all others like it"
    ]
    assert one.told[0] == TasksRepeated((recorded.id,))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("left", [None, 0, 100])
def test_an_array_in_a_file_is_made_again_only_if_the_file_is_not_whole(layout, tmp_path, name, left):
    file = tmp_path / name
    save = np.save if name.endswith("y") else np.savez
    save(file, np.zeros(300))
    one = One(layout, result(FileArray(str(file))))
    assert one.ask().value == FileArray(str(file))
    if left is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:left])
    assert one.ask().value == "new"


@pytest.mark.parametrize(
    ("status", "attempt", "retries", "again"),
    [
        (TaskStatus.FAILED, 0, 0, False),
        (TaskStatus.TIMEOUT, 2, 2, False),
        (TaskStatus.FAILED, 1, 2, True),
        (TaskStatus.CANCELLED, 0, 0, True),
    ],
)
def test_a_task_that_did_not_end_for_good_begins_anew(layout, status, attempt, retries, again):
    one = One(layout, result(status=status, attempt=attempt, error="why"))
    found = one.ask(work=Task("true", retries=retries))
    assert (found.status, found.error) == ((TaskStatus.DONE, "") if again else (status, "why"))
    assert one.told == ([TasksRepeated((found.id,))] if again else [])
