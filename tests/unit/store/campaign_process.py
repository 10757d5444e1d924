"""A process that writes tasks without end and says on its standard output how many records are written."""

import itertools
import random
import sys
import time
from pathlib import Path

from rose_mpi.events import LearnerStarted
from rose_mpi.layout import Layout
from rose_mpi.store import budget
from rose_mpi.store.writer import ResultsWriter
from tests.unit.store.sample import STARTED, iteration, task


def main(results: str) -> None:
    budget.SHARE = 0.5  # type: ignore[misc]  # many folds in a short time
    writer = ResultsWriter(Layout(Path(results)))
    writer(STARTED)
    writer(LearnerStarted("entropy", "uq", (1, 2), ("mlp", "forest"), "", 0.0, "", 0))
    for number in itertools.count():
        writer(task(number, {"number": number}))
        if number % 500 == 499:
            writer(iteration(number // 500))
            time.sleep(random.uniform(0, 0.02))
        if number % 100 == 0:
            print(writer.written, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
