import asyncio

from rose_mpi.events import StopReason
from rose_mpi.learners.active import SequentialActiveLearner
from tests.unit.learners.engine import FakeEngine, FunctionExecutor
from tests.unit.learners.fake import FakeExecutor


def sequential(engine):
    learner = SequentialActiveLearner(engine)

    @learner.simulation_task
    def simulate(*args, **kwargs):
        return "python sim.py"

    @learner.training_task()
    async def train(*args, **kwargs):
        return "python train.py"

    @learner.active_learn_task
    def select(*args, **kwargs):
        return "python select.py"

    @learner.as_stop_criterion("model_accuracy", 0.9)
    async def check(*args, **kwargs):
        return "python check.py"

    return learner


def improving(call):
    return (0.3, 0.6, 0.95)[call.id.iteration]


def test_it_runs_its_stages_in_order_until_the_criterion_is_met():
    engine = FakeEngine(FakeExecutor({"criterion": improving}))
    learner = sequential(engine)
    states = list(learner.start(max_iter=10))
    assert [state.metric_value for state in states] == [0.3, 0.6, 0.95]
    assert [stage for iteration, stage, _ in engine.executor.stages() if iteration == 0] == [
        "simulation",
        "training",
        "active_learn",
        "criterion",
    ]
    assert engine.finished()["learner-0"].stop_reason is StopReason.CRITERION_MET
    assert engine.executor.closed == ["learner-0"]


def test_teach_blocks_outside_of_a_loop_and_gives_a_future_inside():
    outside = sequential(FakeEngine(FakeExecutor({"criterion": improving}))).teach(max_iter=2)

    async def main():
        return await sequential(FakeEngine(FakeExecutor({"criterion": improving}))).teach(max_iter=2)

    assert outside.iteration == asyncio.run(main()).iteration == 1


def test_functions_run_as_tasks_and_get_what_came_before(tmp_path):
    engine = FakeEngine(FunctionExecutor(tmp_path))
    learner = SequentialActiveLearner(engine)

    @learner.simulation_task(as_executable=False)
    def simulate(*args):
        return {"labels": [1.0, 2.0]}

    @learner.training_task(as_executable=False)
    async def train(simulated):
        return {"loss": sum(simulated["labels"])}

    state = learner.teach(max_iter=1)
    assert state.loss == 3.0
    assert state.labels == [1.0, 2.0]
