import pytest

from rose_mpi.errors import ResultError
from rose_mpi.learners.values import metric_of


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
