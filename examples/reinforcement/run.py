"""Five environments gather experiences in parallel; one policy learns from all of them."""

# ruff: noqa
# fmt: off

import asyncio
import os
import sys

from rose_mpi.engine import WorkflowEngine
from rose_mpi.metrics import GREATER_THAN_THRESHOLD
from rose_mpi.rl.reinforcement_learner import ParallelExperience


async def main():

    asyncflow = engine = await WorkflowEngine.create(
        {'runtime': 30,
        'resource': 'local.localhost'}
        )

    pe = ParallelExperience(asyncflow)

    code_path = f'{sys.executable} {os.getcwd()}'

    # Define multiple environment tasks
    @pe.environment_task(name='env_1')
    async def environment_1(*args):
        return f'{code_path}/environment.py parameter=1'

    @pe.environment_task(name='env_2')
    async def environment_2(*args):
        return f'{code_path}/environment.py parameter=2'

    @pe.environment_task(name='env_3')
    async def environment_3(*args):
        return f'{code_path}/environment.py parameter=3'

    @pe.environment_task(name='env_4')
    async def environment_4(*args):
        return f'{code_path}/environment.py parameter=4'

    @pe.environment_task(name='env_5')
    async def environment_5(*args):
        return f'{code_path}/environment.py parameter=5'

    @pe.update_task
    async def update(*args):
        return f'{code_path}/update.py'

    @pe.as_stop_criterion(metric_name='MODEL_REWARD', threshold=200, operator=GREATER_THAN_THRESHOLD)
    async def check_reward(*args):
        return f'{code_path}/check_reward.py'

    # Start the RL training loop and break when stop condition is met
    await pe.learn()
    print('Mean rewards:', *pe.get_current_state().metric_history)
    await engine.shutdown()


asyncio.run(main())
