"""The program that a helper process runs."""

from __future__ import annotations

import os
import signal
import sys
import traceback

from rose_mpi.execution import processes
from rose_mpi.execution.channel import Channel
from rose_mpi.execution.helper import Helper


def main() -> None:
    """Run as ``… <descriptor of the channel> <pid of the rank> <core>,<core>,… <slots>``."""
    descriptor, rank_pid, cores, slots = sys.argv[1:]
    channel = Channel(int(descriptor))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        processes.become_subreaper()
        if cores:
            os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
        Helper(channel, int(rank_pid), int(slots)).serve()
    except BaseException:
        channel.send(("crashed", traceback.format_exc()))
        processes.kill_all_below()
        os.set_blocking(channel.descriptor, True)
        channel.flush()
        sys.exit(1)
    processes.kill_all_below()
