"""Runs campaigns, kills them at random moments until so many kills are done, and keeps the score."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout
from rose_mpi.store.lock import writer_of
from rose_mpi.store.reader import read_results
from tests.chaos.campaign import begun, write_campaign
from tests.chaos.jobs import Job, Process
from tests.chaos.outcome import differences, finished
from tests.system.launching import ROSE_MPI, launcher, run_rose_mpi

RANKS = 4
VICTIMS = ("worker", "leader", "first", "launcher", "task", "all")
LATEST = 2.5
EARLY = 0.2
"""Share of the jobs that may be hit while they still start, when there are only some of the processes."""

ORPHANS_AFTER = 30.0
LONGEST = 120.0


@dataclass
class Score:
    """What happened so far; ``faults`` is what must be empty."""

    kills: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    campaigns: int = 0
    reads: int = 0
    faults: list[str] = field(default_factory=list)


class Reader:
    """Reads a results file again and again while the block runs; it must always be whole."""

    def __init__(self, results: Path, score: Score) -> None:
        self._results = results
        self._score = score
        self._seen = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.wait(0.05):
            self._seen |= self._results.exists()
            if not self._seen:
                continue
            try:
                read_results(self._results)
                self._score.reads += 1
            except StoreError as error:
                self._score.faults.append(f"unreadable: {error}")


class Harness:
    """Kills campaigns in folders below ``folder``.

    Parameters
    ----------
    survive:
        Whether the MPI is told to go on without ranks that are killed, one after another.
    """

    def __init__(
        self, folder: Path, seed: int, tell: Callable[[str], object] = print, *, survive: bool = False
    ) -> None:
        self.score = Score()
        mpirun, *words = launcher(RANKS)
        self._launcher = [mpirun, *(("--with-ft", "ulfm") if survive else ()), *words]
        self._survived = ("task", "worker", "leader") if survive else ("task",)
        self._folder = folder
        self._chance = random.Random(seed)
        self._tell = tell
        self._whole = folder / "whole"
        self._left = 0

    def run(self, kills: int) -> Score:
        """Run until so many kills are done and the campaign that is under way has ended."""
        write_campaign(self._whole)
        outcome = run_rose_mpi(RANKS, "config.toml", cwd=self._whole, timeout=LONGEST)
        assert outcome.code == 0, outcome
        self._left = kills
        while self._left:
            folder = self._folder / f"campaign-{self.score.campaigns}"
            write_campaign(folder)
            with Reader(folder / "results.h5", self.score):
                self._campaign(folder)
            self.score.campaigns += 1
            wrong = list(differences(folder, self._whole))
            self.score.faults += [f"{folder.name}: {difference}" for difference in wrong]
            self._tell(
                f"{folder.name}: {sum(self.score.kills.values())} kills, {len(self.score.faults)} faults"
            )
        return self.score

    def _campaign(self, folder: Path) -> None:
        """Start and resume until the run is done."""
        known: dict[str, int] = {}
        while True:
            self.score.parts += 1
            job = Job([*self._launcher, ROSE_MPI, "config.toml", "--resume", "--quiet"], folder)
            try:
                self._hit(job, folder)
            finally:
                job.kill_all()
            self._check_ledger(folder, known)
            if job.code == 0 and _is_done(folder):
                return

    def _hit(self, job: Job, folder: Path) -> None:
        """Kill at random moments until the job's end; see that nothing is left then."""
        if self._left and self._chance.random() > EARLY:
            _await_begin(job, folder)
        while self._left and not _ends_within(job, self._chance.uniform(0.1, LATEST)):
            victim = self._chance.choice(VICTIMS)
            killed = self._found(victim, job, folder)
            job.kill(killed)
            if killed:
                self.score.kills[victim] += 1
                self._left -= 1
            if killed and victim not in self._survived:
                break
        if not _ends_within(job, LONGEST):
            self.score.faults.append(f"{folder.name}: the job did not end: {job.processes()}")
        if orphans := job.gone_after(ORPHANS_AFTER):
            self.score.faults.append(f"{folder.name}: orphans {orphans}")

    def _found(self, victim: str, job: Job, folder: Path) -> list[Process]:
        """Who is to be killed; tasks are short, so that they are looked for more than once."""
        end = time.monotonic() + 1
        while job.code is None and time.monotonic() < end:
            if found := self._victims(victim, job.processes(), folder):
                return found
        return []

    def _victims(self, victim: str, processes: Sequence[Process], folder: Path) -> list[Process]:
        leader = _leader(folder, self._chance)
        among = {
            "worker": [process for process in processes if process.kind == "rank" and process.rank != leader],
            "leader": [process for process in processes if process.kind == "rank" and process.rank == leader],
            "first": [process for process in processes if process.kind == "first"],
            "launcher": [process for process in processes if process.kind == "launcher"],
            "task": [process for process in processes if process.kind == "task"],
            "all": list(processes),
        }[victim]
        return among if victim == "all" else among and [self._chance.choice(among)]

    def _check_ledger(self, folder: Path, known: dict[str, int]) -> None:
        """Refuse tasks that began again after they were recorded, and records that were lost."""
        counts = begun(folder)
        for task, count in known.items():
            if counts[task] != count:
                self.score.faults.append(f"{folder.name}: {task} began {counts[task]} times, not {count}")
        if (folder / "results.h5").exists():
            now = finished(read_results(folder / "results.h5"))
            self.score.faults += [f"{folder.name}: {task} was lost" for task in known.keys() - now]
            known.update({task: counts[task] for task in now})


def _leader(folder: Path, chance: random.Random) -> int:
    """A rank that leads a group, as far as the results say."""
    results = folder / "results.h5"
    learners = list(read_results(results).learners.values()) if results.exists() else []
    return chance.choice(learners).started.group[0] if learners else 1


def _await_begin(job: Job, folder: Path) -> None:
    """Wait until the run writes its results."""
    layout = Layout(folder / "results.h5")
    while job.code is None and not writer_of(layout):
        time.sleep(0.02)


def _ends_within(job: Job, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while job.code is None and time.monotonic() < end:
        time.sleep(0.02)
    return job.code is not None


def _is_done(folder: Path) -> bool:
    return run_rose_mpi(0, "status", "results.h5", cwd=folder, timeout=60).code == 0
