"""The trackers of MLflow, ClearML and TensorBoard, with stand-ins for the libraries."""

import signal
import sys
from collections import namedtuple
from types import SimpleNamespace
from typing import ClassVar
from unittest.mock import DEFAULT, MagicMock

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.integrations.clearml_tracker import ClearMLTracker
from rose_mpi.integrations.mlflow_tracker import MLflowTracker
from rose_mpi.trackers import PipelineManifest, TaskManifest, TensorBoardTracker
from tests.unit.trackers.sample import MANIFEST, state

Metric = namedtuple("Metric", "key value timestamp step")
Param = namedtuple("Param", "key value")
RunTag = namedtuple("RunTag", "key value")


class MlflowClient:
    """Keeps runs as MLflow would."""

    runs: ClassVar[dict] = {}

    def create_run(self, experiment_id, run_name):
        run_id = f"run-{len(self.runs)}"
        run = SimpleNamespace(
            experiment=experiment_id,
            name=run_name,
            params=[],
            metrics=[],
            tags=[],
            batches=[],
            status="RUNNING",
        )
        self.runs[run_id] = run
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        run = self.runs[run_id]
        run.metrics += metrics
        run.params += params
        run.tags += tags
        run.batches.append(len(metrics) + len(params) + len(tags))

    def set_terminated(self, run_id, status):
        self.runs[run_id].status = status


@pytest.fixture
def mlflow(monkeypatch):
    fake = SimpleNamespace(
        MlflowClient=type("Client", (MlflowClient,), {"runs": {}}),
        set_experiment=lambda name: SimpleNamespace(experiment_id=f"id of {name}"),
        entities=SimpleNamespace(Metric=Metric, Param=Param, RunTag=RunTag),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    return fake


@pytest.fixture
def clearml(monkeypatch):
    fake = MagicMock()
    monkeypatch.setitem(sys.modules, "clearml", fake)
    return fake


@pytest.fixture
def tensorboard(monkeypatch):
    fake = MagicMock()
    monkeypatch.setitem(sys.modules, "tensorboardX", fake)
    return fake


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [
        ("mlflow", "mlflow", lambda: MLflowTracker("surrogate")),
        ("clearml", "clearml", lambda: ClearMLTracker("surrogate")),
        ("tensorboardX", "tensorboard", lambda: TensorBoardTracker("logs")),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(monkeypatch, module, extra, make):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{module} is not installed: pip install rose-mpi\[{extra}\]"):
        make()


def test_a_library_that_is_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "mlflow.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    with pytest.raises(ImportError, match="a_module_that_is_not_there"):
        MLflowTracker("surrogate")


def test_an_mlflow_run(mlflow):
    tracker = MLflowTracker("surrogate", run_name="one")
    tracker.on_start(MANIFEST)
    run = mlflow.MlflowClient.runs[tracker.run_id]
    assert (run.experiment, run.name) == ("id of surrogate", "one")
    assert Param("criterion/threshold", "0.1") in run.params
    assert Param("task.training.kernel", "rbf") in run.params

    tracker.on_iteration(state(1))
    tracker.on_iteration(state(2, learner_id=0, state={}, current_config=None))
    assert Metric("mse", 0.5, 100250, 1) in run.metrics
    assert Metric("loss", 0.25, 100250, 1) in run.metrics
    assert Metric("config/training/learning_rate", 0.5, 100250, 1) in run.metrics
    assert run.metrics[-1] == Metric("0/mse", 0.5, 100250, 2)

    tracker.on_stop(state(2), "criterion_met")
    assert run.tags == [RunTag("stop_reason", "criterion_met"), RunTag("final_iteration", "2")]
    assert run.status == "FINISHED"


def test_a_failed_learner_is_a_failed_mlflow_run(mlflow):
    tracker = MLflowTracker("surrogate")
    tracker.on_start(MANIFEST)
    tracker.on_stop(None, "error")
    run = mlflow.MlflowClient.runs[tracker.run_id]
    assert (run.status, run.tags) == ("FAILED", [RunTag("stop_reason", "error")])


def test_two_mlflow_trackers_have_a_run_each(mlflow):
    first, second = MLflowTracker("surrogate"), MLflowTracker("surrogate")
    for tracker in (first, second):
        tracker.on_start(MANIFEST)
    first.on_stop(None, "stopped")
    assert [run.status for run in mlflow.MlflowClient.runs.values()] == ["FINISHED", "RUNNING"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("train loss.1", "train loss.1"),
        ("a%b", "a_b"),
        ("/a//b/", "a/b"),
        ("../a/./b", "a/b"),
        ("..", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_mlflow_takes_every_name(mlflow, key, name):
    tracker = MLflowTracker("surrogate")
    tracker.on_start(PipelineManifest("Custom"))
    tracker.on_iteration(state(state={key: 1}, current_config=None, metric=float("nan")))
    assert [metric.key for metric in mlflow.MlflowClient.runs[tracker.run_id].metrics] == [name]


def test_mlflow_gets_batches_it_takes(mlflow):
    tracker = MLflowTracker("surrogate")
    tasks = {f"t{i}": TaskManifest("f", "m", False) for i in range(149)}
    tracker.on_start(PipelineManifest("Custom", tasks))
    tracker.on_iteration(state(state={f"k{i}": i for i in range(1499)}, current_config=None))
    run = mlflow.MlflowClient.runs[tracker.run_id]
    assert run.batches == [100, 50, 1000, 500]
    assert len({metric.key for metric in run.metrics}) == 1500


def test_a_clearml_task(clearml):
    tracker = ClearMLTracker("ROSE", "one")
    tracker.on_start(MANIFEST)
    asked = clearml.Task.init.call_args.kwargs
    assert (asked["project_name"], asked["task_name"], asked["reuse_last_task_id"]) == ("ROSE", "one", False)
    task = clearml.Task.init.return_value
    assert task.connect.call_args.args[0]["task/training/kernel"] == "rbf"

    tracker.on_iteration(state(1, state={}, current_config=None))
    tracker.on_iteration(state(1, state={}, current_config=None, learner_id=0))
    reports = [call.kwargs for call in task.get_logger.return_value.report_scalar.call_args_list]
    assert reports == [
        {"title": "mse", "series": "value", "value": 0.5, "iteration": 1},
        {"title": "mse", "series": "0", "value": 0.5, "iteration": 1},
    ]

    tracker.on_stop(state(1), "criterion_met")
    assert [call.args[0] for call in task.add_tags.call_args_list] == [
        ["stop:criterion_met"],
        ["final_iter:1"],
    ]
    task.close.assert_called_once_with()
    with pytest.raises(UsageError, match="add a new ClearMLTracker"):
        tracker.on_iteration(state(2))


def test_clearml_leaves_signals_and_exceptions_to_the_run(clearml, monkeypatch):
    def seize(**_):
        signal.signal(signal.SIGUSR2, lambda *_: None)
        sys.excepthook = lambda *_: None
        return DEFAULT

    clearml.Task.init.side_effect = seize
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def own(*_): ...

    before, hook = signal.signal(signal.SIGUSR2, own), sys.excepthook
    try:
        ClearMLTracker("ROSE").on_start(MANIFEST)
        assert (signal.getsignal(signal.SIGUSR2), sys.excepthook) == (own, hook)
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_tensorboard_events(tensorboard, tmp_path):
    tracker = TensorBoardTracker(tmp_path)
    tracker.on_start(MANIFEST)
    assert tensorboard.SummaryWriter.call_args.args == (str(tmp_path),)
    writer = tensorboard.SummaryWriter.return_value
    assert "| task.training.kernel | rbf |" in writer.add_text.call_args.args[1]

    tracker.on_iteration(state(1, state={"loss": 0.25}, current_config=None, learner_id="B"))
    assert [(*call.args, call.kwargs["walltime"]) for call in writer.add_scalar.call_args_list] == [
        ("B/loss", 0.25, 1, 100.25),
        ("B/mse", 0.5, 1, 100.25),
    ]

    tracker.on_stop(state(1), "max_iter_reached")
    assert writer.add_text.call_args.args == ("stop_reason", "max_iter_reached", 1)
    writer.close.assert_called_once_with()
