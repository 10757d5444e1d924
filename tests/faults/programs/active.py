"""Active learners as the programs of reference document 3 have them, and tasks beyond the workers."""

import asyncio
import json
from pathlib import Path

from rose_mpi.engine import ResourceEngine, Task
from rose_mpi.learner import (
    Learner,
    ParallelActiveLearner,
    ParallelLearnerConfig,
    SequentialActiveLearner,
    TaskConfig,
)
from rose_mpi.metrics import MEAN_SQUARED_ERROR_MSE

engine = ResourceEngine({"runtime": 5})


def configured():
    acl = ParallelActiveLearner(engine)

    @acl.simulation_task
    def simulation(*args, **kwargs):
        return Task(executable="sh -c 'echo $ROSE_LEARNER > samples; sleep 0.05; echo $@ >> simulated' sh")

    @acl.training_task
    def training(*args, **kwargs):
        return Task(executable="sh -c 'echo $@ >> trained; cat samples' sh")

    @acl.active_learn_task
    def active_learn(*args, **kwargs):
        return Task(executable="true")

    @acl.as_stop_criterion(metric_name=MEAN_SQUARED_ERROR_MSE, threshold=0.1)
    def check_mse(*args, **kwargs):
        return Task(executable="echo 0.5")

    acl.teach(
        parallel_learners=4,
        max_iter=3,
        learner_configs=[
            ParallelLearnerConfig(
                simulation=acl.create_adaptive_schedule(
                    "simulation", lambda i: {"kwargs": {"--n_labeled": str(100 + i * 50)}}
                )
            ),
            ParallelLearnerConfig(
                training={
                    0: TaskConfig(kwargs={"--learning_rate": "0.01"}),
                    -1: TaskConfig(kwargs={"--learning_rate": "0.001"}),
                }
            ),
            ParallelLearnerConfig(
                simulation=TaskConfig(kwargs={"--n_labeled": "200", "--n_features": 2}),
                training=TaskConfig(kwargs={"--learning_rate": "0.005"}),
            ),
            None,
        ],
    )


def registering():
    sal = SequentialActiveLearner(engine)

    @sal.simulation_task(as_executable=False)
    def simulation(*args):
        sal.register_state("labels", 12)

    @sal.training_task(as_executable=False)
    def training(*args):
        return 0

    return sal.teach(max_iter=1).labels


async def left_early():
    acl = ParallelActiveLearner(engine)

    @acl.simulation_task
    def simulation(seconds, *args):
        return f"sh -c 'echo $$ > process; exec sleep {seconds}'"

    @acl.training_task
    def training(*args):
        return "true"

    quick, slow = (ParallelLearnerConfig(simulation=TaskConfig(args=(seconds,))) for seconds in (0.01, 20))
    async for _ in acl.start(2, max_iter=100, learner_configs=[quick, slow]):
        break
    process = Path("/proc", Path("results.work/learner-1.3/process").read_text().strip())
    for _ in range(100):
        if not process.exists():
            return "ended"
        await asyncio.sleep(0.05)
    return "running"


def sixty_at_once():
    custom = Learner(engine)

    @custom.simulation_task
    def simulation():
        return """sh -c 'begin=$(date +%s.%N); sleep 0.03; echo $begin $(date +%s.%N) >> spans'"""

    for future in [simulation() for _ in range(60)]:
        future.result()


configured()
labels = registering()
left = asyncio.run(left_early())
sixty_at_once()
engine.shutdown()
Path("outcome.json").write_text(json.dumps({"labels": labels, "left": left}))
