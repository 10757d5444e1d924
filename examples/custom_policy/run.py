"""Five workflows of one's own side by side, each with three simulations at a time."""

# ruff: noqa
# fmt: off

import os
import sys

from rose_mpi.engine import Engine, Task
from rose_mpi.learner import Learner
from rose_mpi.metrics import MODEL_ACCURACY

engine = Engine()
custom_acl = Learner(engine)
code_path = f'{sys.executable} {os.getcwd()}'

# Define and register the simulation task
@custom_acl.simulation_task
def simulation(*args):
    return Task(executable=f'{code_path}/simulation.py')

# Define and register the training task
@custom_acl.training_task
def training(*args):
    return Task(executable=f'{code_path}/training.py')

# Define and register the active learning task
@custom_acl.active_learn_task
def active_learn(*args):
    return Task(executable=f'{code_path}/active_learn.py')

# Defining the stop criterion with a metric (MSE in this case)
@custom_acl.as_stop_criterion(metric_name=MODEL_ACCURACY, threshold=0.99)
def check_accuracy(*args):
    return Task(executable=f'{code_path}/check_accuracy.py')

# Special task that can perform different operation (example post-processing)
@custom_acl.utility_task()
def post_process_simulation(*args):
    return Task(executable=f'{code_path}/post_process_simulation.py')

@custom_acl.as_async
def teach():
    # 10 iterations of active learning
    for acl_iter in range(10):
        print(f'Starting Iteration-{acl_iter}')
        simulations = []
        for i in range(3):
            # run 3 simulations in parallel
            simulations.append(simulation())

        post_process_simulation(*simulations)

        # Now run training and active_learn
        train = training(*simulations)
        active = active_learn(simulations, train)

        if check_accuracy(active):
            print('Accuracy met the threshold')
            break

# invoke the custom/user-defined teach() method
al_workflows = []
for i in range(5):
    al_workflows.append(teach())

[wf.result() for wf in al_workflows]

engine.shutdown()
