"""Leaders and their coordinator in simulated time: what the engine does, without MPI."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rose_mpi.scheduling.dispatcher import Dispatcher
from rose_mpi.scheduling.instructions import (
    Delay,
    Discard,
    Drop,
    GiveBack,
    HandOver,
    Instruction,
    Kill,
    Lend,
    Recall,
    Report,
    Run,
    RunTogether,
    WantLoans,
)
from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.scheduling.placement import Placement
from rose_mpi.tasks import Expects, Function, RankArray, TaskCall, TaskId, TaskResult, TaskStatus

COORDINATOR = 0
LATE = 0.02


def loads(calls: Sequence[TaskCall]) -> tuple[int, int, int]:
    """Executables and functions of one rank, and the ranks that all others need."""
    narrow = [isinstance(call.work, Function) for call in calls if call.work.ranks == 1]
    wide = sum(call.work.ranks for call in calls if call.work.ranks > 1)
    return narrow.count(False), narrow.count(True), wide


@dataclass
class Cluster:
    """Runs tasks of given durations on groups of ranks and records who ran what when.

    With ``rng`` messages between two ranks keep their order, but those of other pairs overtake them.
    """

    groups: Mapping[int, Sequence[int]]
    duration: Callable[[TaskId, int], float]
    status: Callable[[TaskId, int], TaskStatus] = lambda task, attempt: TaskStatus.DONE
    slots: int = 1
    without_functions: tuple[int, ...] = ()
    rng: random.Random | None = None
    now: float = 0.0
    ran: list[tuple[float, float, int, TaskId, int]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    dropped: list[TaskId] = field(default_factory=list)
    loans: int = 0
    ended: int = 0

    def __post_init__(self):
        self.lending = Lending(self.slots)
        self.dispatchers = {}
        self.owner = {}
        for leader in {*self.groups, *itertools.chain(*self.groups.values())}:
            functions = leader not in self.without_functions
            self.dispatchers[leader] = Dispatcher(self.slots, functions)
            self.lending.add(leader, len(self.groups.get(leader, ())), functions)
        for leader, ranks in self.groups.items():
            self.owner.update(dict.fromkeys(ranks, leader))
            assert self.dispatchers[leader].take(ranks) == []
        self.numbers = itertools.count()
        self.running = []
        self.lanes = {}
        self.longest_lane = 0
        self.programs = {}
        self.last_begun = {}
        self.queues = {}
        self.longest_queue = 0
        self.calls = {}
        self.mail = deque()
        self.settled = lambda task, result: None

    def submit(self, leader: int, calls: Sequence[TaskCall]) -> None:
        self.calls.update((call.id, call) for call in calls)
        self.tell(
            COORDINATOR, leader, lambda: self.obey(leader, self.dispatchers[leader].submit(calls, self.now))
        )
        self.ask(self.lending.sent(leader, *loads(calls)))

    def cancel(self, leader: int, tasks: Sequence[TaskId]) -> None:
        self.tell(COORDINATOR, leader, lambda: self.obey(leader, self.dispatchers[leader].cancel(tasks)))

    def run(self, until: float = float("inf")) -> None:
        while self.mail or (self.running and self.running[0][0] <= until):
            if self.mail and (not self.rng or not self.running or self.rng.random() < 0.7):
                self.deliver()
            else:
                self.now, _, ends = heapq.heappop(self.running)
                ends()

    def at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.running, (moment, next(self.numbers), action))

    def tell(self, sender: int, receiver: int, action: Callable[[], None]) -> None:
        self.mail.append(((sender, receiver), action))

    def deliver(self) -> None:
        if not self.rng:
            self.mail.popleft()[1]()
            return
        pair = self.rng.choice(self.mail)[0]
        number = next(number for number, entry in enumerate(self.mail) if entry[0] == pair)
        _, action = self.mail[number]
        del self.mail[number]
        action()

    def ask(self, loans: Sequence[AskToLend]) -> None:
        for loan in loans:
            self.tell(COORDINATOR, loan.owner, lambda loan=loan: self.lend(loan))

    def lend(self, loan: AskToLend) -> None:
        instruction = self.dispatchers[loan.owner].lend(loan.borrower)
        if instruction is None:
            self.tell(
                loan.owner,
                COORDINATOR,
                lambda: self.ask(self.lending.refused(loan.owner, loan.borrower)),
            )
        else:
            self.obey(loan.owner, [instruction])

    def obey(self, leader: int, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Run(rank):
                    self.start(leader, (rank,), instruction)
                case RunTogether(ranks):
                    assert list(ranks) == sorted(set(ranks))
                    assert len(ranks) == instruction.call.work.ranks > 1
                    assert all(self.owner[rank] == leader for rank in ranks)
                    self.start(leader, ranks, instruction)
                case Report(result, final):
                    self.reports.append(instruction)
                    if final:
                        self.settle(leader, result.id, result)
                case Drop(task):
                    self.dropped.append(task)
                    self.settle(leader, task, None)
                case Delay(task, seconds):
                    self.at(
                        self.now + seconds,
                        lambda task=task: self.obey(leader, self.dispatchers[leader].repeat(task)),
                    )
                case Kill(_, task, _):
                    self.end_now(task)
                case Lend(rank, borrower):
                    self.loans += 1
                    functions = leader not in self.without_functions
                    self.instruct(leader, borrower, "borrow", rank, leader, functions)
                case GiveBack(rank, owner, unsuited):
                    self.tell(
                        leader,
                        owner,
                        lambda rank=rank, owner=owner, unsuited=unsuited: self.take_back(
                            owner, leader, rank, unsuited
                        ),
                    )
                case WantLoans():
                    self.tell(leader, COORDINATOR, lambda: self.ask(self.lending.wanted(leader)))
                case Recall(rank, borrower):
                    self.instruct(leader, borrower, "recall", rank)
                case HandOver(ranks, to):
                    self.tell(leader, to, lambda ranks=ranks, to=to: self.take(to, leader, ranks))
                case Discard(rank, keys):
                    self.discard(leader, rank, keys)

    def instruct(self, sender: int, receiver: int, method: str, *words) -> None:
        """Have a message call a method of the receiver's dispatcher."""
        self.tell(
            sender,
            receiver,
            lambda: self.obey(receiver, getattr(self.dispatchers[receiver], method)(*words)),
        )

    def start(self, leader: int, ranks: Sequence[int], run: Run | RunTogether) -> None:
        self.started(leader, ranks, run)
        if len(ranks) > 1:
            self.begin(leader, ranks, run)
            return
        if not isinstance(run.call.work, Function):
            self.start_program(leader, ranks[0], run)
            return
        lane = self.lanes.setdefault(ranks[0], deque())
        lane.append((leader, run))
        self.longest_lane = max(self.longest_lane, len(lane))
        if len(lane) == 1:
            self.begin(leader, ranks, run)
        if len(lane) == 2:
            self.watch(ranks[0])

    def start_program(self, leader: int, rank: int, run: Run) -> None:
        if run.waits and self.programs.get(rank, 0) >= self.slots:
            queue = self.queues.setdefault(rank, deque())
            queue.append((leader, run))
            self.longest_queue = max(self.longest_queue, len(queue))
            self.at(self.now + LATE, lambda: self.look_at_programs(rank))
        else:
            self.begin_program(leader, rank, run)

    def begin_program(self, leader: int, rank: int, run: Run) -> None:
        assert self.programs.get(rank, 0) < self.slots
        self.programs[rank] = self.programs.get(rank, 0) + 1
        self.last_begun[rank] = self.now
        self.begin(leader, (rank,), run)

    def look_at_programs(self, rank: int) -> None:
        """Give back programs that wait when none has begun for long."""
        queue = self.queues[rank]
        if self.now < self.last_begun[rank] + LATE - 1e-9:
            self.at(self.last_begun[rank] + LATE, lambda: self.look_at_programs(rank))
            return
        for leader in dict.fromkeys(leader for leader, _ in queue):
            tasks = [run.call.id for other, run in queue if other == leader]
            self.instruct(rank, leader, "returned", rank, tasks)
        queue.clear()

    def program_ended(self, rank: int) -> None:
        self.programs[rank] -= 1
        if self.queues.get(rank):
            leader, run = self.queues[rank].popleft()
            self.begin_program(leader, rank, run)

    def watch(self, rank: int) -> None:
        """Look later whether functions still wait behind the same one."""
        self.at(self.now + LATE, lambda head=self.lanes[rank][0]: self.look(rank, head))

    def look(self, rank: int, head: tuple[int, Run]) -> None:
        """Give back functions that wait behind one that lasts."""
        lane = self.lanes[rank]
        if len(lane) < 2:
            return
        if lane[0] is not head:
            self.watch(rank)
            return
        returned = [lane.pop() for _ in range(len(lane) - 1)][::-1]
        for leader in {leader for leader, _ in returned}:
            tasks = [run.call.id for other, run in returned if other == leader]
            self.instruct(rank, leader, "returned", rank, tasks)

    def next_in_lane(self, rank: int) -> None:
        lane = self.lanes[rank]
        lane.popleft()
        if lane:
            self.begin(lane[0][0], (rank,), lane[0][1])

    def begin(self, leader: int, ranks: Sequence[int], run: Run | RunTogether) -> None:
        started, task = self.now, run.call.id
        status = self.status(task, run.attempt)

        def ends() -> None:
            self.ran += [(started, self.now, rank, task, run.attempt) for rank in ranks]
            self.ended += 1
            value = self.value(ranks[0], run) if ends.status is TaskStatus.DONE else None
            result = TaskResult(
                task, run.attempt, ends.status, ranks[0], "host", run.queued, started, self.now, value
            )
            if len(ranks) == 1:
                is_function = isinstance(run.call.work, Function)
                (self.next_in_lane if is_function else self.program_ended)(ranks[0])
            self.obey(leader, self.dispatchers[leader].finished([result], self.now))

        ends.task, ends.status = task, status
        self.at(self.now + self.duration(task, run.attempt), ends)

    def started(self, leader: int, ranks: Sequence[int], run: Run | RunTogether) -> None:
        pass

    def value(self, rank: int, run: Run | RunTogether) -> RankArray | None:
        return None

    def settle(self, leader: int, task: TaskId, result: TaskResult | None) -> None:
        def settled() -> None:
            self.ask(self.lending.ended(leader, *loads([self.calls[task]])))
            self.settled(task, result)

        self.tell(leader, COORDINATOR, settled)

    def take_back(self, owner: int, borrower: int, rank: int, unsuited: bool) -> None:
        self.tell(owner, COORDINATOR, lambda: self.ask(self.lending.returned(owner, borrower, unsuited)))
        self.obey(owner, self.dispatchers[owner].take_back(rank))

    def take(self, to: int, owner: int, ranks: Sequence[int]) -> None:
        assert all(self.owner[rank] == owner for rank in ranks)
        self.owner.update(dict.fromkeys(ranks, to))
        self.tell(to, COORDINATOR, lambda: self.ask(self.lending.moved(owner, to, len(ranks))))
        self.obey(to, self.dispatchers[to].take(ranks))

    def discard(self, leader: int, rank: int, keys: Sequence[str]) -> None:
        raise NotImplementedError

    def end_now(self, task: TaskId) -> None:
        for lane in self.lanes.values():
            waiting = next((entry for entry in [*lane][1:] if entry[1].call.id == task), None)
            if waiting:
                lane.remove(waiting)
                self.cancelled(*waiting)
                return
        for queue in self.queues.values():
            waiting = next((entry for entry in queue if entry[1].call.id == task), None)
            if waiting:
                queue.remove(waiting)
                self.cancelled(*waiting)
                return
        for number, (_, order, ends) in enumerate(self.running):
            if getattr(ends, "task", None) == task:
                ends.status = TaskStatus.CANCELLED
                self.running[number] = (self.now, order, ends)
        heapq.heapify(self.running)

    def cancelled(self, leader: int, run: Run) -> None:
        """A task was cancelled that waited on a rank."""
        status = TaskStatus.CANCELLED
        result = TaskResult(
            run.call.id, run.attempt, status, run.rank, "host", run.queued, self.now, self.now
        )
        self.instruct(run.rank, leader, "finished", [result], self.now)


class Campaign(Cluster):
    """A cluster whose learners open and close at any time, and whose predictions stay on the ranks."""

    def __init__(self, ranks, *, ranks_per_learner=None, helping=False, **options):
        groups = {ranks[0]: tuple(ranks)}
        if helping:
            groups[COORDINATOR] = (COORDINATOR,)
        super().__init__(groups, without_functions=(COORDINATOR,) if helping else (), **options)
        self.placement = Placement(ranks, ranks_per_learner)
        self.leaders = {}
        self.arrays = {}
        self.orders = {leader: deque() for leader in self.dispatchers}
        self.scoring = {}
        self.scored = []

    def open(self, *learners: str) -> None:
        placed = self.placement.open(learners)
        for move in placed.moves:
            self.instruct(COORDINATOR, move.owner, "release", move.ranks, move.to)
        self.leaders.update((learner, self.placement.leader(learner)) for learner in learners)

    def close(self, learner: str) -> None:
        self.instruct(COORDINATOR, self.leaders[learner], "close", learner)
        self.placement.close(learner)

    def stage(self, calls: Sequence[TaskCall]) -> None:
        self.submit(self.leaders[calls[0].id.learner], calls)

    def value(self, rank: int, run: Run | RunTogether) -> RankArray | None:
        if run.call.expects is not Expects.PREDICTION or not getattr(run, "keep", True):
            return None
        key = f"{run.call.id}.{run.attempt}"
        self.arrays[key] = rank
        return RankArray(rank, key)

    def discard(self, leader: int, rank: int, keys: Sequence[str]) -> None:
        for key in keys:
            assert self.arrays.pop(key) == rank

    def score(self, learner: str, arrays: Sequence[RankArray], then: Callable[[], None]) -> None:
        leader = self.leaders[learner]

        def order() -> None:
            assert self.dispatchers[leader].claim(learner, arrays) is None
            self.orders[leader].append((arrays, then))
            self.proceed(leader)

        self.tell(COORDINATOR, leader, order)

    def take(self, to: int, owner: int, ranks: Sequence[int]) -> None:
        super().take(to, owner, ranks)
        self.proceed(to)

    def proceed(self, leader: int) -> None:
        """Begin with the next scoring, as the leader of real ranks does."""
        if leader in self.scoring or not self.orders[leader]:
            return
        arrays, then = self.orders[leader][0]
        ranks = self.dispatchers[leader].begin_scoring(arrays)
        if not ranks:
            return
        self.orders[leader].popleft()
        assert all(self.owner[rank] == leader for rank in ranks)
        assert {array.rank for array in arrays} <= set(ranks)
        assert not any(set(ranks) & set(others) for others in self.scoring.values())
        self.scoring[leader] = ranks

        def ends() -> None:
            for array in arrays:
                assert self.arrays.pop(array.key) == array.rank
            assert all(self.owner[rank] == leader for rank in ranks)
            self.scored.append(ranks)
            del self.scoring[leader]
            self.obey(leader, self.dispatchers[leader].end_scoring(ranks, arrays))
            self.tell(leader, COORDINATOR, then)
            self.proceed(leader)

        self.at(self.now + 1.0, ends)
