"""Two ensembles learn side by side; they differ in the metric by which they choose what to label."""

# ruff: noqa
# fmt: off

import asyncio
import json
import os
import sys
from pathlib import Path

from rose_mpi.engine import WorkflowEngine
from rose_mpi.learner import TaskConfig
from rose_mpi.metrics import MODEL_ACCURACY, PREDICTIVE_ENTROPY
from rose_mpi.uq.uq_active_learner import ParallelUQLearner
from rose_mpi.uq.uq_learner import UQLearnerConfig

PIPELINES = ['UQ_learner1', 'UQ_learner2']
MODELS = ['logistic', 'neighbours', 'ridge']
ITERATIONS = 8
NUM_PREDICTION = 2

learner_configs = {
    'UQ_learner1': UQLearnerConfig(
        uncertainty=TaskConfig(kwargs={'--uq_metric_name': PREDICTIVE_ENTROPY})
    ),
    'UQ_learner2': UQLearnerConfig(
        uncertainty=TaskConfig(kwargs={'--uq_metric_name': 'custom_uq'})
    ),
}


async def main():
    asyncflow = await WorkflowEngine.create()
    learner = ParallelUQLearner(asyncflow)

    code_path = f'{sys.executable} {os.getcwd()}'

    @learner.simulation_task()
    async def simulation(*args):
        return f'{code_path}/simulation.py'

    @learner.training_task()
    async def training(*args):
        return f'{code_path}/training.py'

    # Define and register the prediction task
    @learner.prediction_task()
    async def prediction(*args):
        return f'{code_path}/predict.py'

    # Defining the uncertainty quantification with a metric (PREDICTIVE_ENTROPY in this case)
    @learner.uncertainty_quantification(uq_metric_name=PREDICTIVE_ENTROPY, 
                                        threshold=1.0, 
                                        query_size=10)
    async def check_uq(*args):
        return f'{code_path}/check_uq.py'

    @learner.active_learn_task()
    async def active_learn(*args):
        return f'{code_path}/active_learn.py'

    @learner.as_stop_criterion(metric_name=MODEL_ACCURACY, threshold=0.96)
    async def check_accuracy(*args):
        return f'{code_path}/check_accuracy.py'

    results = await learner.teach(
        learner_names=PIPELINES,
        model_names=MODELS,
        learner_configs=learner_configs,
        max_iter=ITERATIONS, 
        num_predictions=NUM_PREDICTION
    )

    print('Teaching is done with Final Results:')
    print(results)

    with open(Path(os.getcwd(), 'UQ_training_results.json'), 'w') as f:
        json.dump(results, f, indent=4)

    await learner.shutdown()


asyncio.run(main())
