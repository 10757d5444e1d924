"""The names of all files and folders of a run: nothing else composes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from rose_mpi.tasks import TaskId


class TaskPaths(Struct, frozen=True):
    """Where one attempt of a task works, leaves its result (it adds a suffix) and its output.

    Text, since they are composed for every task, and the parts of a path would take ten times as long.
    """

    workdir: str
    result: str
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a run keeps what.

    Attributes
    ----------
    results:
        The results file, as an absolute path on a file system that all ranks see.
    """

    results: Path

    @property
    def log(self) -> Path:
        """The append-only log of what the results file does not hold yet."""
        return self._beside(".h5.log")

    @property
    def lock(self) -> Path:
        """The file that names the run which writes these results now."""
        return self._beside(".h5.lock")

    @property
    def arrays(self) -> Path:
        """Folder of the large arrays, each in a file written once."""
        return self._beside(".d")

    @property
    def work(self) -> Path:
        """Folder of the learners' working folders."""
        return self._beside(".work")

    def numbered(self, number: int) -> Layout:
        """Where the files of an earlier run are kept beside this one's."""
        return Layout(self._beside(f".{number}.h5"))

    def draft(self, file: Path) -> Path:
        """Where a new version of a file is written before it takes the old one's place."""
        return file.with_name(f"{file.name}.new")

    def workdir(self, learner: str) -> Path:
        """Working folder of a learner's tasks."""
        return self.work / learner

    def selection(self, learner: str, iteration: int) -> Path:
        """The ``.npz`` with what a learner selected in an iteration."""
        return self.arrays / learner / f"selected-{iteration}.npz"

    def task(self, task: TaskId, attempt: int) -> TaskPaths:
        """What belongs to one attempt of a task."""
        workdir, results, logs = _folders(self, task.learner)
        model = f".{task.model}" if task.model else ""
        name = f"{task.iteration}.{task.stage}.{task.index}{model}.{attempt}"
        return TaskPaths(workdir, f"{results}/{name}", f"{logs}/{name}.out", f"{logs}/{name}.err")

    def _beside(self, suffix: str) -> Path:
        return self.results.with_name(self.results.name.removesuffix(".h5") + suffix)


@lru_cache
def _folders(layout: Layout, learner: str) -> tuple[str, str, str]:
    """A learner's folders: to work in, for results and for output."""
    results = layout.arrays / learner / "tasks"
    return str(layout.workdir(learner)), str(results), str(layout.work / ".logs" / learner)
