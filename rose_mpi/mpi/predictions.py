"""Predictions in the memory of ranks: scored where they are, and made again where they were lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.mpi.answering import answer, refuse
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.messages import ScoreEnded, ScoreEnsemble
from rose_mpi.tasks import FileArray, RankArray, TaskCall, TaskResult
from rose_mpi.uq.scores import Member, ScoreRequest, Scores

Make = Callable[[Sequence[TaskCall], Future[list[TaskResult]]], None]


class Predictions:
    """The coordinator's part in scoring.

    Parameters
    ----------
    leader_of:
        The leader of an open learner; raises :exc:`~rose_mpi.errors.UsageError` for others.
    make:
        Runs tasks again of which nobody else learns.
    when_settled:
        Does something at once, or as soon as lost ranks have been replaced.
    """

    def __init__(
        self,
        channel: Channel,
        leader_of: Callable[[str], int],
        make: Make,
        when_settled: Callable[[Callable[[], None]], None],
    ) -> None:
        self._channel = channel
        self._leader_of = leader_of
        self._make = make
        self._when_settled = when_settled
        self._kept: dict[RankArray, TaskCall] = {}
        self._gone: dict[RankArray, TaskCall] = {}
        self._scores: dict[int, tuple[ScoreRequest, Future[Scores]]] = {}
        self._numbers = 0

    def __bool__(self) -> bool:
        """Whether an ensemble is being scored."""
        return bool(self._scores)

    @property
    def kept(self) -> dict[RankArray, str]:
        """The learner of each prediction that is still to be scored."""
        return {array: call.id.learner for array, call in self._kept.items()}

    def note(self, call: TaskCall, array: RankArray) -> None:
        """A rank keeps what a task returned."""
        self._kept[array] = call

    def close(self, learner: str) -> None:
        """A learner is over: what was kept for it will not be scored."""
        for book in (self._kept, self._gone):
            for array in [array for array, call in book.items() if call.id.learner == learner]:
                del book[array]

    def score(self, request: ScoreRequest, future: Future[Scores]) -> None:
        """Have the ranks of the learner's group score its ensemble."""
        try:
            leader = self._leader_of(request.learner)
        except UsageError as error:
            refuse(future, error)
            return
        lost = [array for array in _kept(request) if array in self._gone]
        if lost:
            self._make_again(request, future, lost)
            return
        self._numbers += 1
        self._scores[self._numbers] = request, future
        self._channel.send(leader, ScoreEnsemble(self._numbers, request))

    def ended(self, message: ScoreEnded) -> None:
        """An ensemble was scored, or could not be."""
        if message.number not in self._scores:
            return
        request, future = self._scores.pop(message.number)
        for array in _kept(request):
            self._kept.pop(array, None)
        if message.scores is None:
            refuse(future, ScoreError(message.error))
        else:
            answer(future, message.scores)

    def keep_only(self, arrays: Collection[RankArray]) -> None:
        """Of the predictions that were kept only these are still there."""
        for array in [array for array in self._kept if array not in arrays]:
            self._gone[array] = self._kept.pop(array)

    def score_again(self) -> None:
        """Order what was being scored anew."""
        interrupted, self._scores = self._scores, {}
        for request, future in interrupted.values():
            self.score(request, future)

    def _make_again(self, request: ScoreRequest, future: Future[Scores], lost: list[RankArray]) -> None:
        made: Future[list[TaskResult]] = Future()
        made.add_done_callback(partial(self._made_again, request, future, lost))
        self._make([self._gone.pop(array) for array in lost], made)

    def _made_again(
        self,
        request: ScoreRequest,
        future: Future[Scores],
        lost: list[RankArray],
        made: Future[list[TaskResult]],
    ) -> None:
        error = made.exception()
        failed = None if error else next((each for each in made.result() if not each.done), None)
        if error or failed:
            reason = str(error or (failed and failed.error))
            refuse(future, ScoreError(f"a lost prediction could not be made again: {reason}"))
            return
        values = dict(zip(lost, (result.value for result in made.result()), strict=True))
        members = tuple(_with_new(member, values) for member in request.members)
        self._when_settled(partial(self.score, replace(request, members=members), future))


def _with_new(member: Member, values: Mapping[RankArray, object]) -> Member:
    """A member with the array that was made in place of a lost one."""
    array = values.get(member.array) if isinstance(member.array, RankArray) else None
    return replace(member, array=array) if isinstance(array, FileArray | RankArray) else member


def _kept(request: ScoreRequest) -> list[RankArray]:
    """The predictions that are in the memory of ranks."""
    return [member.array for member in request.members if isinstance(member.array, RankArray)]
