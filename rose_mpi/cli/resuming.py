"""Whether a configuration may go on with a run that was interrupted."""

from __future__ import annotations

from collections.abc import Sequence

from rose_mpi.cli.display import Display
from rose_mpi.cli.wording import counted
from rose_mpi.config.changes import Change, changes
from rose_mpi.errors import UsageError
from rose_mpi.events import RunStatus
from rose_mpi.plan import RunPlan
from rose_mpi.store.state import RunRecord


class Resumption:
    """Looks at what is there of a run, and shows what it has come to.

    Parameters
    ----------
    force:
        Accept all changes of the configuration.
    """

    def __init__(self, plan: RunPlan, display: Display, *, force: bool) -> None:
        self._plan = plan
        self._display = display
        self._force = force

    def accept(self, run: RunRecord) -> None:
        """Tell how the run goes on.

        Raises
        ------
        UsageError
            If the configuration has changed so that it is another run.
        """
        if not run.started.config:
            raise UsageError(
                f"{self._plan.output} is the run of a Python program: start that with Engine(resume=True)"
            )
        found = changes(run.started.config, self._plan.text)
        refused = [change for change in found if not change.harmless]
        if refused and not self._force:
            raise UsageError(self._refusal(refused))
        self._display.record.recall(run)
        for change in found:
            self._display.note(f"changed since the run began: {change}")
        self._display.note(self._standing(run, found))

    def _refusal(self, refused: Sequence[Change]) -> str:
        lines = "\n".join(f"  {change}" for change in refused)
        return (
            f"{self._plan.output} was begun with another configuration:\n{lines}\n"
            f"Undo this, name another --output, or go on nevertheless with --force."
        )

    def _standing(self, run: RunRecord, found: Sequence[Change]) -> str:
        if run.status is RunStatus.DONE and not any(change.is_of_iterations for change in found):
            return f"{self._plan.output} holds a finished run: nothing is left to do"
        ended = sum(learner.status is RunStatus.DONE for learner in run.learners.values())
        of = counted(len(run.learners), "learner")
        tasks = counted(len(run.tasks), "task")
        return f"resuming {self._plan.output}: {tasks} recorded, {ended} of {of} finished"
