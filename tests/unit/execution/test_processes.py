"""The killing of process trees, where it is interrupted."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, subprocess
from rose_mpi.execution import processes

sleeper = subprocess.Popen(["sleep", "100"])

class Killed(Exception):
    pass

def one_signal_only(pids, number):
    for pid in pids:
        os.kill(pid, number)
        raise Killed

processes.send_signal = one_signal_only
try:
    processes.kill_all_below()
except Killed:
    print(sleeper.wait(10))
finally:
    sleeper.kill()
"""


def test_who_is_killed_while_it_kills_leaves_nothing_stopped():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "-9\n", done.stderr
