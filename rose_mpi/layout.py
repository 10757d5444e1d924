"""The names of all files and folders of a run: nothing else composes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rose_mpi.tasks import TaskId


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

    def result(self, task: TaskId, attempt: int) -> Path:
        """Where a task leaves its result; the task adds a suffix."""
        return self.arrays / task.learner / "tasks" / _file_name(task, attempt)

    def stdout(self, task: TaskId, attempt: int) -> Path:
        """What a task wrote to its standard output."""
        return self._logs(task) / f"{_file_name(task, attempt)}.out"

    def stderr(self, task: TaskId, attempt: int) -> Path:
        """What a task wrote to its standard error."""
        return self._logs(task) / f"{_file_name(task, attempt)}.err"

    def _logs(self, task: TaskId) -> Path:
        return self.work / ".logs" / task.learner

    def _beside(self, suffix: str) -> Path:
        return self.results.with_name(self.results.name.removesuffix(".h5") + suffix)


def _file_name(task: TaskId, attempt: int) -> str:
    model = f".{task.model}" if task.model else ""
    return f"{task.iteration}.{task.stage}.{task.index}{model}.{attempt}"
