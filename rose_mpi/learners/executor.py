"""The one seam between what a learner wants and where it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rose_mpi.tasks import TaskCall, TaskResult
from rose_mpi.uq.scores import ScoreRequest, Scores


class Executor(Protocol):
    """Runs the stages of learners."""

    async def open(self, learners: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        """Give each learner a group of ranks; returns the world ranks of each, the leader first.

        At any time and any number of times, also while others open or run.

        Raises
        ------
        UsageError
            If a learner of this name is open already.
        """
        ...

    def close(self, learner: str) -> None:
        """The learner has ended, and with it all its stages; from any thread.

        Its ranks serve those that open next. Once for each that was opened; that of one that is not open
        changes nothing.
        """
        ...

    async def run_stage(self, calls: Sequence[TaskCall]) -> list[TaskResult]:
        """Run the tasks of one stage of a learner, in parallel where there is room.

        Returns the last attempt of each task, in the order of ``calls``; a task that failed is a
        result too, never an exception. Cancelling the call ends its tasks.
        """
        ...

    async def score(self, request: ScoreRequest) -> Scores:
        """Score an ensemble's predictions over the learner's group.

        Raises
        ------
        ScoreError
            If predictions are missing, do not fit one another, or are not finite.
        """
        ...

    async def merge_experience(self, learner: str, iteration: int) -> Mapping[str, int]:
        """Merge the experience banks that the environments of a learner left; returns what came together.

        Raises
        ------
        RoseError
            If a bank cannot be read; none is lost then.
        """
        ...

    async def publish(self, learner: str, iteration: int, scores: Scores) -> Scores:
        """Leave a selection that a task made where the tasks that follow find it."""
        ...
