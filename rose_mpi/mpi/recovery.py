"""How the coordinator goes on when ranks are lost.

All survivors forget what they lead and who leads them, keep what they run, and tell it (census). With the
last answer ranks and tasks are divided anew: what runs goes on where it is, under a new leader if need be,
and what nobody has begins again.

Messages carry the number of losses before them, so that those of an earlier order of things reach nobody.
Since messages between two ranks keep their order, all that a survivor had reported comes before its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rose_mpi.mpi.calling import array_key
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.loss_messages import Census, Regroup
from rose_mpi.mpi.predictions import Predictions
from rose_mpi.mpi.stages import Stage, Stages
from rose_mpi.scheduling.lending import Lending
from rose_mpi.scheduling.placement import Placement
from rose_mpi.scheduling.rebuilding import Estate, Outstanding, rebuild
from rose_mpi.tasks import RankArray, TaskId


class Recovery:
    """Gathers what the survivors have, and divides it.

    Parameters
    ----------
    regroup:
        Has this rank itself regroup.
    helping:
        Whether this rank runs executables.

    Attributes
    ----------
    survivors:
        The ranks that are not lost, this one included.
    """

    def __init__(
        self,
        channel: Channel,
        placement: Placement,
        lending: Lending,
        stages: Stages,
        predictions: Predictions,
        regroup: Callable[[Regroup], None],
        helping: bool,
    ) -> None:
        self.survivors = {channel.rank, *(rank for ranks in placement.groups.values() for rank in ranks)}
        self._channel = channel
        self._placement = placement
        self._lending = lending
        self._stages = stages
        self._predictions = predictions
        self._regroup = regroup
        self._helping = helping
        self._lost: tuple[int, ...] = ()
        self._censuses: dict[int, Census] = {}
        self._awaited: set[int] = set()

    @property
    def awaits(self) -> bool:
        """Whether survivors have not answered yet."""
        return bool(self._awaited)

    def is_last(self, rank: int) -> bool:
        """Whether no other rank serves learners."""
        return self.survivors <= {self._channel.rank, rank}

    def lost(self, rank: int) -> Mapping[str, tuple[int, ...]]:
        """Ask all others what they have; returns the learners whose ranks are others now."""
        self.survivors.discard(rank)
        self._lost = (*self._lost, rank)
        self._channel.give_up(rank)
        changed = self._placement.lost(rank)
        message = Regroup(self._channel.epoch + 1, self._lost)
        for survivor in self.survivors - {self._channel.rank}:
            self._channel.send(survivor, message)
        self._channel.begin_epoch(message.epoch)
        self._awaited = set(self.survivors)
        self._censuses.clear()
        self._regroup(message)
        return changed

    def answered(self, rank: int, message: Census) -> bool:
        """Take the answer of a survivor; whether it was the last."""
        if message.epoch != self._channel.epoch:
            return False
        self._censuses[rank] = message
        self._awaited.discard(rank)
        return not self._awaited

    def dismiss(self) -> None:
        """Settle what nobody waits for, and find the other stages their leaders."""
        for stage in self._stages:
            stage.cancelled |= not self._placement.is_open(stage.learner)
            if stage.cancelled:
                for call, _ in tuple(self._stages.open_calls(stage)):
                    self._stages.settle(call.id, None)
            else:
                stage.leader = self._placement.leader(stage.learner)

    def hopeless(self) -> Iterator[tuple[Stage, str]]:
        """The stages with tasks for which too few ranks are left, and what to say of them."""
        groups, lost = self._placement.groups, ", ".join(map(str, self._lost))
        for stage in self._stages:
            ranks = len(groups[stage.leader])
            for call, _ in self._stages.open_calls(stage):
                if call.work.ranks > ranks:
                    yield (
                        stage,
                        f"task {call.id} needs {call.work.ranks} ranks; {ranks} are left (lost: {lost})",
                    )
                    break

    def rebuild(self) -> dict[int, Estate]:
        """Divide ranks, tasks and predictions among the leaders."""
        groups = self._placement.groups
        if self._helping:
            groups[self._channel.rank] = (self._channel.rank,)
        helper = self._channel.rank if self._helping else None
        held = {rank: census.held for rank, census in self._censuses.items()}
        estates = rebuild(groups, self._outstanding(), held, self._arrays(), without_functions=helper)
        self._predictions.keep_only({array for estate in estates.values() for _, array in estate.arrays})
        self._lending.forget()
        for rank in self.survivors:
            ranks = len(estates[rank].ranks) if rank in estates else 0
            if rank != self._channel.rank or self._helping:
                self._lending.add(rank, ranks, functions=rank != helper)
        for leader, estate in estates.items():
            for borrower in estate.lent.values():
                self._lending.lent(leader, borrower)
        return estates

    def kept(self, estates: Mapping[int, Estate]) -> dict[int, frozenset[str]]:
        """The keys of the arrays on each rank that are to be scored, or that attempts there may have made."""
        known = [*self._predictions.kept]
        for estate in estates.values():
            known += [RankArray(each.rank, array_key(each.call.id, each.attempt)) for each in estate.running]
        return {
            rank: frozenset(array.key for array in known if array.rank == rank) for rank in self.survivors
        }

    def _outstanding(self) -> dict[TaskId, Outstanding]:
        return {
            call.id: Outstanding(call, attempt, stage.leader)
            for stage in self._stages
            for call, attempt in self._stages.open_calls(stage)
        }

    def _arrays(self) -> dict[RankArray, tuple[int, str]]:
        """The predictions that are still there."""
        return {
            array: (self._placement.leader(learner), learner)
            for array, learner in self._predictions.kept.items()
            if array.rank in self._censuses and array.key in self._censuses[array.rank].arrays
        }
