import pickle

import pytest

from rose_mpi.errors import ResultError
from rose_mpi.learners.values import metric_of, state_of, unpacked
from rose_mpi.tasks import Pickled, TaskId, TaskResult, TaskStatus


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"accuracy": 0.5, "loss": 2}, """JSON like {"acuracy": 0.5}; did you mean 'accuracy'?"""),
        ({"loss": 2}, """JSON like {"acuracy": 0.5}"""),
        ({"acuracy": "much"}, """JSON like {"acuracy": 0.5}"""),
        ("acuracy", """JSON like {"acuracy": 0.5}"""),
    ],
)
def test_a_missing_metric_is_told_with_the_nearest_name(value, said):
    with pytest.raises(ResultError) as caught:
        metric_of(value, "acuracy", "task t")
    assert str(caught.value) == f"task t returned {value!r}: its result must be a number, or {said}"


def result(value=None, registered=b""):
    task = TaskId("a", 0, "training")
    return TaskResult(task, 0, TaskStatus.DONE, 1, "host", 0.0, 0.0, 1.0, value=value, registered=registered)


def test_state_is_what_was_returned_and_registered():
    both = result(Pickled(pickle.dumps({"pair": (1, 2)})), pickle.dumps({"loss": 0.5}))
    assert state_of(both) == {"pair": (1, 2), "loss": 0.5}
    assert unpacked(both).value == {"pair": (1, 2)}


@pytest.mark.parametrize("torn", [result(Pickled(b"torn")), result(registered=b"torn")])
def test_what_cannot_be_unpickled_is_told_with_its_task(torn):
    with pytest.raises(ResultError, match=r"task a.0.training.0: its result cannot be unpickled"):
        state_of(torn)
