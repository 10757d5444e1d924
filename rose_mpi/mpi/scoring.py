"""Scoring an ensemble over a group: prepare, ready from all members, go.

Nobody enters the collective before every member has opened its predictions and they are known to fit. The
members are the ranks that the leader owns when it begins. No two ranks ever wait for each other's
collectives: a rank belongs to one leader at a time and stays until the scoring has ended, a leader has one
scoring under way at a time, and a member enters in the thread that serves, one call after another. So what
may be before a member's turn are functions, which end, or a scoring that its former leader has ended already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from rose_mpi.errors import ScoreError
from rose_mpi.mpi.callrunner import CallRunner, Gate
from rose_mpi.mpi.channel import COORDINATOR, Channel
from rose_mpi.mpi.communicators import BrokenGroupError, Communicators
from rose_mpi.mpi.kernels import KernelWarming
from rose_mpi.mpi.leader import Leader
from rose_mpi.mpi.messages import (
    MemberScored,
    PrepareScore,
    ScoreEnded,
    ScoreEnsemble,
    ScoreGo,
    ScoreReady,
)
from rose_mpi.tasks import RankArray
from rose_mpi.uq.ensemble import score_ensemble
from rose_mpi.uq.scores import Member, ScoreRequest
from rose_mpi.uq.validation import PredictionError
from rose_mpi.uq.warm import warm

Array = NDArray[np.generic]


@dataclass(slots=True)
class _Score:
    order: ScoreEnsemble
    ranks: tuple[int, ...]
    ready: dict[int, ScoreReady] = field(default_factory=dict)
    ended: dict[int, MemberScored] = field(default_factory=dict)


class ScoreLead:
    """The leader's side: one collective of its group at a time."""

    def __init__(self, channel: Channel, leader: Leader) -> None:
        self._channel = channel
        self._leader = leader
        self._waiting: deque[ScoreEnsemble] = deque()
        self._score: _Score | None = None

    def order(self, message: ScoreEnsemble) -> None:
        """Score an ensemble when those before it are done."""
        missing = self._leader.claim(message.request.learner, _kept(message.request))
        if missing:
            error = f"a prediction that rank {missing.rank} made was dropped or scored before ({missing.key})"
            self._channel.send(COORDINATOR, ScoreEnded(message.number, None, error))
            return
        self._waiting.append(message)
        self.proceed()

    def reset(self) -> None:
        """Forget all scorings: ranks were lost, and they are ordered again."""
        self._waiting.clear()
        self._score = None

    def proceed(self) -> None:
        """Begin with the next ensemble, if none is being scored and there are ranks for it."""
        if self._score or not self._waiting:
            return
        request = self._waiting[0].request
        ranks = self._leader.begin_scoring(_kept(request))
        if not ranks:
            return
        order = self._waiting.popleft()
        self._score = _Score(order, ranks)
        shares = _shares(request.members, ranks)
        for rank in ranks:
            message = PrepareScore(order.number, request, ranks, shares[rank], self._channel.epoch)
            self._channel.send(rank, message)

    def ready(self, rank: int, message: ScoreReady) -> None:
        """A member has opened its predictions, or could not."""
        score = self._current
        score.ready[rank] = message
        if len(score.ready) < len(score.ranks):
            return
        error = _disagreement(score.order.request.members, score.ready)
        for member in score.ranks:
            self._channel.send(member, ScoreGo(message.number, go=not error))
        if error:
            self._end(score, ScoreEnded(message.number, None, error))

    def ended(self, rank: int, message: MemberScored) -> None:
        """A member has left the collective."""
        score = self._current
        score.ended[rank] = message
        if len(score.ended) == len(score.ranks):
            first = score.ended[score.ranks[0]]
            self._end(score, ScoreEnded(first.number, first.scores, first.error))

    @property
    def _current(self) -> _Score:
        if self._score is None:
            raise RuntimeError("no ensemble is being scored")
        return self._score

    def _end(self, score: _Score, outcome: ScoreEnded) -> None:
        self._channel.send(COORDINATOR, outcome)
        self._score = None
        self._leader.end_scoring(score.ranks, _kept(score.order.request))
        self.proceed()


def _kept(request: ScoreRequest) -> list[RankArray]:
    """The predictions that are in the memory of ranks."""
    return [member.array for member in request.members if isinstance(member.array, RankArray)]


@dataclass(frozen=True, slots=True)
class _Opened:
    predictions: dict[int, Array]
    targets: Array | None
    features: Array | None


class ScoreMember:
    """A member's side: opens its predictions, waits, enters.

    Parameters
    ----------
    communicators:
        Makes those of the members.
    arrays:
        Predictions that functions left on this rank, by key; each is scored once and then let go.
    kernels:
        Knows when a metric is imported and compiled.
    """

    def __init__(
        self,
        channel: Channel,
        runner: CallRunner,
        post: Callable[[Callable[[], None]], None],
        communicators: Communicators,
        arrays: MutableMapping[str, Array],
        threads: int,
        kernels: KernelWarming,
    ) -> None:
        self._channel = channel
        self._runner = runner
        self._post = post
        self._communicators = communicators
        self._arrays = arrays
        self._threads = threads
        self._kernels = kernels
        self._gates: dict[int, Gate] = {}

    def prepare(self, leader: int, message: PrepareScore) -> None:
        """Open the predictions that fall to this rank and wait for the others."""
        gate = self._gates[message.number] = Gate()
        self._runner.submit(lambda: self._score(leader, message, gate))

    def go(self, message: ScoreGo) -> None:
        """Enter the collective, or leave it be."""
        self._gates.pop(message.number).open(message.go)

    def turn_away(self) -> None:
        """Let nobody wait for a collective that will not be: ranks were lost."""
        for gate in self._gates.values():
            gate.open(False)
        self._gates.clear()

    def _score(self, leader: int, message: PrepareScore, gate: Gate) -> None:
        if message.epoch != self._channel.epoch:
            return
        try:
            self._kernels.wait(message.request.metric)
            warm(message.request.extras)
            opened = self._open(message)
            shapes = tuple((position, array.shape) for position, array in opened.predictions.items())
            ready = ScoreReady(message.number, shapes, "")
        except ScoreError as error:
            opened, ready = _Opened({}, None, None), ScoreReady(message.number, (), str(error))
        self._reply(leader, message, ready)
        if gate.wait():
            try:
                with self._communicators.of(message.ranks, message.number) as comm:
                    scored = self._scored(comm, message, opened)
            except BrokenGroupError:
                return
            self._reply(leader, message, scored)
        self._post(partial(self._forget, message))

    def _scored(self, comm: MPI.Intracomm, message: PrepareScore, opened: _Opened) -> MemberScored:
        request = message.request
        try:
            scores = score_ensemble(
                comm,
                list(opened.predictions.values()),
                request.metric,
                request.query_size,
                task_type=request.task_type,
                positions=list(opened.predictions),
                excluded=request.excluded,
                targets=opened.targets,
                parameters=request.parameters,
                batch=request.batch,
                features=opened.features,
                seed=request.seed,
                threads=self._threads,
            )
        except PredictionError as error:
            return MemberScored(message.number, None, _told(error, request.members))
        except ScoreError as error:
            return MemberScored(message.number, None, str(error))
        return MemberScored(message.number, None if comm.rank else scores, "")

    def _open(self, message: PrepareScore) -> _Opened:
        targets, features = message.request.targets, message.request.features
        return _Opened(
            {position: self._prediction(member) for position, member in message.mine},
            _mapped(targets.path, "targets") if targets else None,
            _mapped(features.path, "features") if features else None,
        )

    def _prediction(self, member: Member) -> Array:
        array = member.array
        if not isinstance(array, RankArray):
            return _mapped(array.path, str(member))
        if array.key not in self._arrays:  # dropped this moment, because ranks were lost
            raise ScoreError(f"{member} is gone")
        return self._arrays[array.key]

    def _forget(self, message: PrepareScore) -> None:
        """Let go of what was scored, unless ranks were lost meanwhile and it is scored again."""
        if message.epoch != self._channel.epoch:
            return
        for _, member in message.mine:
            if isinstance(member.array, RankArray):
                del self._arrays[member.array.key]

    def _reply(self, leader: int, order: PrepareScore, message: ScoreReady | MemberScored) -> None:
        def send() -> None:
            if order.epoch == self._channel.epoch:
                self._channel.send(leader, message)

        self._post(send)


def _mapped(path: str, what: str) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise ScoreError(f"{what}: {path} cannot be read as .npy: {error}") from error


def _shares(members: Sequence[Member], ranks: Sequence[int]) -> dict[int, tuple[tuple[int, Member], ...]]:
    """Who brings which prediction: arrays from where they are, files by turns."""
    shares: dict[int, list[tuple[int, Member]]] = {rank: [] for rank in ranks}
    for position, member in enumerate(members):
        array = member.array
        rank = array.rank if isinstance(array, RankArray) else ranks[position % len(ranks)]
        shares[rank].append((position, member))
    return {rank: tuple(share) for rank, share in shares.items()}


def _disagreement(members: Sequence[Member], ready: Mapping[int, ScoreReady]) -> str:
    """Why the ensemble cannot be scored; empty if it can."""
    answers = [answer for _, answer in sorted(ready.items())]
    for answer in answers:
        if answer.error:
            return answer.error
    shapes = dict(sorted(shape for answer in answers for shape in answer.shapes))
    for position, shape in shapes.items():
        if _rows(shape) != _rows(shapes[0]):
            return (
                f"{members[position]} has shape {list(shape)}, but {members[0]} has {list(shapes[0])}: "
                f"all predictions of an ensemble must have one shape"
            )
    return ""


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A column ``[n, 1]`` counts as ``[n]``."""
    return shape[:1] if shape[1:] == (1,) else shape


def _told(error: PredictionError, members: Sequence[Member]) -> str:
    where = "" if error.candidate is None else f", candidate {error.candidate}"
    return f"{members[error.position]}{where}: {error.reason}"
