"""Functions for processes of their own, most of them badly behaved."""

import atexit
import ctypes
import os
import signal
import sys
import time

import numpy as np

from rose_mpi.execution.registering import TaskLearner


def where():
    return {"pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd()}  # noqa: PTH109


def add(first, second=1):
    return first + second


def array(size):
    return np.arange(float(size))


class Own(np.ndarray):
    pass


def own_array():
    return np.arange(3.0).view(Own)


def spoilt():
    """Damages the result behind the runner's back."""
    pid, _, result = sys.argv[1:]
    atexit.register(os.truncate, f"/proc/{pid}/fd/{result}", 20)


def registered():
    TaskLearner().register_state("loss", 0.5)
    return 1


def generator():
    return (number for number in ())


def seeded(seed, learner):
    return [seed, learner, os.environ["ROSE_TASK"], os.environ["OMP_NUM_THREADS"]]


def fail():
    print("before the end", file=sys.stderr)
    raise ValueError("no way")


def crash():
    ctypes.string_at(0)


def leave(code):
    os._exit(code)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
    time.sleep(600)


def draw():
    return float(np.random.rand())
