"""One learner from its group to its end, told to an observer."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncGenerator, Callable

from rose_mpi.errors import RoseError
from rose_mpi.events import IterationFinished, LearnerFinished, LearnerStarted, Observer, StopReason
from rose_mpi.iteration import IterationState
from rose_mpi.learners.executor import Executor
from rose_mpi.learners.loop import LearnerLoop
from rose_mpi.learners.spec import LearnerSpec


class LearnerRun:
    """Runs a learner's loop and tells how it fares.

    Parameters
    ----------
    why_cancelled:
        Asked when it is cancelled.

    Attributes
    ----------
    loop:
        The loop, whose steps may be changed between iterations.
    stop_reason:
        Why it ended; ``None`` while it runs.
    failure:
        What ended it, if it failed.
    """

    def __init__(
        self,
        loop: LearnerLoop,
        executor: Executor,
        observe: Observer,
        why_cancelled: Callable[[], StopReason | None] = lambda: None,
    ) -> None:
        self.loop = loop
        self.stop_reason: StopReason | None = None
        self.failure: BaseException | None = None
        self._executor = executor
        self._observe = observe
        self._why_cancelled = why_cancelled

    async def states(self, group: tuple[int, ...]) -> AsyncGenerator[IterationState, None]:
        """Run the iterations on a group of ranks, giving the state after each.

        Each iteration begins when the state before it has been taken. Raises what
        :meth:`LearnerLoop.states` raises, and what the user's own Python does.
        """
        self._observe(started(self.loop.spec, group))
        error = ""
        try:
            async for state in self.loop.states():
                self._observe(IterationFinished(state))
                yield state
            self.stop_reason = self.loop.stop_reason
        except RoseError as failure:
            self.stop_reason, self.failure, error = StopReason.ERROR, failure, str(failure)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self.stop_reason = self._why_cancelled() or StopReason.STOPPED
            raise
        except BaseException as failure:
            self.stop_reason, self.failure = StopReason.ERROR, failure
            error = "".join(traceback.format_exception(failure))
            raise
        finally:
            reason = self.stop_reason or StopReason.STOPPED
            self._executor.close(self.loop.spec.name)
            self._observe(LearnerFinished(self.loop.spec.name, reason, time.time(), error))


def started(spec: LearnerSpec, group: tuple[int, ...]) -> LearnerStarted:
    """What an observer is told of a learner that begins."""
    criterion = spec.criterion
    return LearnerStarted(
        learner=spec.name,
        kind=spec.kind.value,
        group=group,
        models=spec.ensemble.models,
        metric_name=criterion.metric if criterion else "",
        threshold=criterion.threshold if criterion else float("nan"),
        operator=criterion.operator if criterion else "",
        max_iterations=spec.max_iterations or 0,
    )
