import asyncio

import pytest

from rose_mpi.execution.pickled import unpickled_call
from rose_mpi.learners.task_function import task_function


def arguments(function, *results):
    work = asyncio.run(task_function(function, "update", {"as_executable": False}).work((), {}, results))
    return unpickled_call(work.pickled)[1]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda first: 0, ("a",)),
        (lambda *args: 0, ("a", "b")),
        (lambda first, second=0: 0, ("a",)),
        (lambda workdir: 0, ()),
        (lambda first, workdir, seed: 0, ("a",)),
        (lambda workdir, first: 0, ()),
        (lambda model: 0, ("a",)),
    ],
)
def test_results_take_no_place_of_what_the_rank_gives_by_name(function, expected):
    assert arguments(function, "a", "b") == expected
