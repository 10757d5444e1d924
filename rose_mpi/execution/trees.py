"""Which process below the helper belongs to which task."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from itertools import chain

from rose_mpi.execution import processes
from rose_mpi.execution.running import MARKS, RunningTask


class Trees:
    """The tasks that run, their main processes, and whatever else they have started.

    Attributes
    ----------
    tasks:
        By token.
    main_processes:
        Tasks whose main process runs, by its process id.
    of_no_task:
        A child that is no task's: the preloaded Python; 0: none.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, RunningTask] = {}
        self.main_processes: dict[int, RunningTask] = {}
        self.of_no_task = 0
        self._offspring = processes.Offspring()

    def add(self, task: RunningTask) -> None:
        """A task was started."""
        self.tasks[task.token] = self.main_processes[task.pid] = task

    def strays(self) -> list[int]:
        """Children that nobody here has started: what the processes of tasks left behind when they ended."""
        return [
            pid for pid in self._offspring.pids() if pid not in self.main_processes and pid != self.of_no_task
        ]

    def owners(self, stray: int) -> list[RunningTask]:
        """Tasks that may have left a process behind: several if it hides where it comes from."""
        environment = processes.environment_of(stray)
        session = processes.session_of(stray)
        tasks = list(self.tasks.values())
        owners = [task for task in tasks if task.pid == session or task.left_behind(environment)]
        if owners:
            return owners
        marked = all(os.fsencode(name) in environment for name in MARKS)
        return [] if marked else tasks

    def terminate(self, task: RunningTask) -> None:
        """Ask processes to end, each once: a child may have been started while its parent was told."""
        fresh = [pid for pid in self._tree(task) if pid not in task.told_to_end]
        processes.send_signal(fresh, signal.SIGTERM)
        task.told_to_end.update(fresh)

    def kill(self, task: RunningTask) -> None:
        """Kill all processes of a task."""
        processes.kill_all(partial(self._tree, task))

    def _tree(self, task: RunningTask) -> Iterator[int]:
        """Yield all processes of a task, parents before children."""
        main = [task.pid] if task.status is None else []
        strays = (pid for pid in self.strays() if self.owners(pid) == [task])
        return processes.with_descendants(chain(main, strays))
