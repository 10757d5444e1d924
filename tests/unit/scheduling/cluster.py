"""Groups and their coordinator in simulated time: what the engine does, without MPI."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rose_mpi.scheduling.dispatcher import (
    Dispatcher,
    Drop,
    GiveBack,
    Instruction,
    Kill,
    Lend,
    Recall,
    Report,
    Run,
)
from rose_mpi.scheduling.lending import AskToLend, Lending
from rose_mpi.tasks import Function, TaskCall, TaskId, TaskResult, TaskStatus


@dataclass
class Cluster:
    """Runs tasks of given durations on groups of ranks and records who ran what when."""

    groups: Mapping[int, Sequence[int]]
    duration: Callable[[TaskId, int], float]
    status: Callable[[TaskId, int], TaskStatus] = lambda task, attempt: TaskStatus.DONE
    slots: int = 1
    without_functions: tuple[int, ...] = ()
    now: float = 0.0
    ran: list[tuple[float, float, int, TaskId, int]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    dropped: list[TaskId] = field(default_factory=list)
    loans: int = 0

    def __post_init__(self):
        self.lending = Lending()
        self.dispatchers = {}
        for leader, ranks in self.groups.items():
            functions = leader not in self.without_functions
            self.dispatchers[leader] = Dispatcher(ranks, self.slots, functions)
            self.lending.add(leader, len(ranks), self.slots, functions)
        self.running = []
        self.functions = {}
        self.events = deque()

    def submit(self, leader: int, calls: Sequence[TaskCall]) -> None:
        functions = sum(isinstance(call.work, Function) for call in calls)
        self.functions.update((call.id, isinstance(call.work, Function)) for call in calls)
        self.events.append(lambda: self.obey(leader, self.dispatchers[leader].submit(calls, self.now)))
        self.ask(self.lending.sent(leader, len(calls) - functions, functions))

    def cancel(self, leader: int, tasks: Sequence[TaskId]) -> None:
        self.events.append(lambda: self.obey(leader, self.dispatchers[leader].cancel(tasks)))

    def run(self, until: float = float("inf")) -> None:
        while True:
            while self.events:
                self.events.popleft()()
            if not self.running or self.running[0][0] > until:
                return
            self.now, _, leader, run, started, status = heapq.heappop(self.running)
            self.ran.append((started, self.now, run.rank, run.call.id, run.attempt))
            result = TaskResult(
                run.call.id, run.attempt, status, run.rank, "host", run.queued, started, self.now
            )
            self.obey(leader, self.dispatchers[leader].finished(result, self.now))

    def ask(self, loans: Sequence[AskToLend]) -> None:
        for loan in loans:
            self.events.append(lambda loan=loan: self.lend(loan))

    def lend(self, loan: AskToLend) -> None:
        instruction = self.dispatchers[loan.owner].lend(loan.borrower)
        if instruction is None:
            self.ask(self.lending.refused(loan.owner, loan.borrower))
        else:
            self.obey(loan.owner, [instruction])

    def obey(self, leader: int, instructions: Sequence[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Run():
                    end = self.now + self.duration(instruction.call.id, instruction.attempt)
                    status = self.status(instruction.call.id, instruction.attempt)
                    number = len(self.ran) + len(self.running) + len(self.reports) * 10_000
                    heapq.heappush(self.running, (end, number, leader, instruction, self.now, status))
                case Report():
                    self.reports.append(instruction)
                    if instruction.final:
                        function = self.functions[instruction.result.id]
                        self.ask(self.lending.ended(leader, not function, function))
                case Drop(task):
                    self.dropped.append(task)
                    function = self.functions[task]
                    self.ask(self.lending.ended(leader, not function, function))
                case Kill(_, task, _):
                    self.end_now(task)
                case Lend(rank, borrower):
                    self.loans += 1
                    functions = leader not in self.without_functions
                    self.events.append(
                        lambda rank=rank, borrower=borrower, functions=functions: self.obey(
                            borrower, self.dispatchers[borrower].borrow(rank, leader, functions)
                        )
                    )
                case GiveBack(rank, owner, unsuited):
                    self.events.append(
                        lambda rank=rank, owner=owner, unsuited=unsuited: self.take_back(
                            owner, leader, rank, unsuited
                        )
                    )
                case Recall(rank, borrower):
                    self.events.append(
                        lambda rank=rank, borrower=borrower: self.obey(
                            borrower, self.dispatchers[borrower].recall(rank)
                        )
                    )

    def take_back(self, owner: int, borrower: int, rank: int, unsuited: bool) -> None:
        self.ask(self.lending.returned(owner, borrower, unsuited))
        self.obey(owner, self.dispatchers[owner].take_back(rank))

    def end_now(self, task: TaskId) -> None:
        for number, entry in enumerate(self.running):
            if entry[3].call.id == task:
                self.running[number] = (self.now, *entry[1:5], TaskStatus.CANCELLED)
        heapq.heapify(self.running)
